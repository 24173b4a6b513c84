// The microphone and the loudspeaker of this browser: opened, chosen, measured.

const NO = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", OverconstrainedError: "missing" };
const WANTED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class Sound {
  // `tell(is)` hears what became of the microphone.
  constructor(tell, far) {
    this.tell = tell;
    this.far = far;
    this.stream = null;
    this.context = null;
    this.analyser = null;
    this.changed = () => {}; // another track is to be sent
  }

  get possible() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get track() {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  // Whether the browser would give the microphone without asking anybody.
  async allowed() {
    try {
      return this.possible && (await navigator.permissions.query({ name: "microphone" })).state === "granted";
    } catch {
      return false;
    }
  }

  async open(id = "") {
    if (!this.possible) return this.tell("insecure");
    if (!this.stream) this.tell("asking");
    try {
      const audio = id ? { ...WANTED, deviceId: { exact: id } } : WANTED;
      const stream = await navigator.mediaDevices.getUserMedia({ audio });
      this.close();
      this.stream = stream;
    } catch (error) {
      if (id) return this.open();
      return this.tell(NO[error.name] || "busy");
    }
    // A device that is pulled out is replaced by what is left.
    this.track.addEventListener("ended", () => this.open());
    this.#measure();
    this.changed(this.track);
    this.tell("ready");
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }

  get input() {
    return this.track?.getSettings().deviceId ?? "";
  }

  async devices() {
    const all = this.possible ? await navigator.mediaDevices.enumerateDevices() : [];
    const of = (kind, word) => all
      .filter((each) => each.kind === kind && each.deviceId)
      .map((each, index) => ({ id: each.deviceId, label: each.label || `${word} ${index + 1}` }));
    const outputs = "setSinkId" in HTMLMediaElement.prototype ? of("audiooutput", "Loudspeaker") : [];
    return { inputs: of("audioinput", "Microphone"), outputs, input: this.input };
  }

  #listen() {
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume().catch(() => {});
    return this.context;
  }

  // What is measured is a copy of the microphone's sound: it is seen by who is muted, and goes nowhere.
  #measure() {
    const context = this.#listen();
    this.source?.disconnect();
    this.copy?.stop();
    this.copy = this.track.clone();
    this.source = context.createMediaStreamSource(new MediaStream([this.copy]));
    this.analyser ??= new AnalyserNode(context, { fftSize: 1024 });
    this.source.connect(this.analyser);
  }

  // 0 to 1: -60 dBFS and below, to full scale.
  level() {
    if (!this.stream || !this.analyser) return 0;
    const samples = (this.samples ??= new Float32Array(this.analyser.fftSize));
    this.analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    return Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-12) / 6));
  }

  // A track for who has no microphone: keys need one to be sent on.
  silence() {
    const context = this.#listen();
    return context.createMediaStreamDestination().stream.getAudioTracks()[0];
  }

  async play(stream, heldBack) {
    this.far.srcObject = stream;
    try {
      await this.far.play();
      heldBack(false);
    } catch (error) {
      heldBack(error.name === "NotAllowedError");
    }
  }

  async speak(id) {
    await this.far.setSinkId?.(id);
  }
}
