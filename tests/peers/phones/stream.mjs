// Drives RingCentral's softphone (1.x, TLS) for tests/peers/test_encrypted.py: `node stream.mjs <JSON>`; one line of JSON for each thing.
import Softphone from "ringcentral-softphone";

const wish = JSON.parse(process.argv[2]);
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));
const phone = new Softphone({ ...wish.sipInfo, ignoreTlsCertErrors: true });
// What a codec of the softphone takes and gives: how many samples a second of how many channels; PCMU is coded here.
const { RATE, CHANNELS, BYTES, write, read } = {
  "OPUS/16000": { RATE: 16000, CHANNELS: 1, ...linear() },
  "OPUS/48000/2": { RATE: 48000, CHANNELS: 2, ...linear() },
  "PCMU/8000": { RATE: 8000, CHANNELS: 1, ...muLaw() },
}[wish.sipInfo.codec];

function linear() {
  return { BYTES: 2, write: (pcm, at, sample) => pcm.writeInt16LE(sample, at), read: (pcm, at) => pcm.readInt16LE(at) };
}

// ITU-T G.711, mu-law: sign, segment and step, inverted.
function muLaw() {
  const decode = (code) => {
    const bits = ~code & 255;
    const size = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
    return bits & 128 ? -size : size;
  };
  const encode = (sample) => {
    const size = Math.min(Math.abs(sample), 32635) + 132;
    const segment = 24 - Math.clz32(size);
    return ~((sample < 0 ? 128 : 0) | (segment << 4) | ((size >> (segment + 3)) & 15)) & 255;
  };
  return { BYTES: 1, write: (pcm, at, sample) => pcm.writeUInt8(encode(sample), at), read: (pcm, at) => decode(pcm[at]) };
}

function tone(hz, seconds) {
  const pcm = Buffer.alloc(BYTES * CHANNELS * RATE * seconds);
  for (let i = 0; i < CHANNELS * RATE * seconds; i++) {
    const when = Math.floor(i / CHANNELS) / RATE;
    write(pcm, BYTES * i, Math.round(8000 * Math.sin(2 * Math.PI * hz * when)));
  }
  return pcm;
}

// How much of a tone is in some samples, 1: full scale.
function amplitude(pcm, hz) {
  let [re, im] = [0, 0];
  const count = pcm.length / BYTES / CHANNELS;
  for (let i = 0; i < count; i++) {
    re += read(pcm, BYTES * CHANNELS * i) * Math.cos((2 * Math.PI * hz * i) / RATE);
    im += read(pcm, BYTES * CHANNELS * i) * Math.sin((2 * Math.PI * hz * i) / RATE);
  }
  return (2 * Math.hypot(re, im)) / count / 32768;
}

// Says a tone and listens for another until the other side hangs up.
async function talk(call) {
  let heard = Buffer.alloc(0);
  const told = new Promise((found) => {
    call.on("audioPacket", (packet) => {
      heard = Buffer.concat([heard, packet.payload]);
      if (heard.length < (BYTES * CHANNELS * RATE) / 2) return;
      if (amplitude(heard, wish.hears) > 0.1) found();
      heard = Buffer.alloc(0);
    });
  });
  const over = new Promise((found) => call.once("disposed", found));
  call.streamAudio(tone(wish.says, 60));
  await told;
  tell("heard", { hz: wish.hears });
  await over;
  tell("over");
}
await phone.register();
tell("registered");
if (wish.called) {
  const invitation = await new Promise((comes) => phone.once("invite", comes));
  await talk(await phone.answer(invitation));
}
for (const to of wish.to) {
  const ends = new Promise((found) => {
    phone.on("message", (each) => {
      if (/^SIP\/2\.0 4(86|88) /.test(each.subject)) found([each.subject, each.getHeader("Warning") ?? ""]);
    });
  });
  const call = await phone.call(to);
  const answered = new Promise((found) => call.once("answered", () => found(["answered"])));
  const busy = new Promise((told) => call.once("busy", () => told(true)));
  const [subject, warning] = await Promise.race([ends, answered]);
  if (subject === "answered") {
    tell("answered", { progress: call.sipMessage.subject });
    await talk(call);
    continue;
  }
  tell("refused", { subject, warning, progress: call.sipMessage.subject, busy: subject.includes(" 486 ") && (await busy) });
}
phone.revoke();
process.exit(0);
