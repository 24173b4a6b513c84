// Drives RingCentral's softphone (1.x, TLS) for tests/peers/test_encrypted.py: `node stream.mjs <JSON>`; one line of JSON for each thing.
import Softphone from "ringcentral-softphone";

const wish = JSON.parse(process.argv[2]);
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));
const phone = new Softphone({ ...wish.sipInfo, ignoreTlsCertErrors: true });
// What the codec OPUS/48000/2 of the softphone takes and gives: 16-bit samples of two channels.
const [RATE, BYTES] = [48000, 4];

function tone(hz, seconds) {
  const pcm = Buffer.alloc(BYTES * RATE * seconds);
  for (let i = 0; i < RATE * seconds; i++) {
    const sample = Math.round(8000 * Math.sin((2 * Math.PI * hz * i) / RATE));
    pcm.writeInt16LE(sample, BYTES * i);
    pcm.writeInt16LE(sample, BYTES * i + 2);
  }
  return pcm;
}

// How much of a tone is in some samples, 1: full scale.
function amplitude(pcm, hz) {
  let [re, im] = [0, 0];
  const count = pcm.length / BYTES;
  for (let i = 0; i < count; i++) {
    re += pcm.readInt16LE(BYTES * i) * Math.cos((2 * Math.PI * hz * i) / RATE);
    im += pcm.readInt16LE(BYTES * i) * Math.sin((2 * Math.PI * hz * i) / RATE);
  }
  return (2 * Math.hypot(re, im)) / count / 32768;
}

// Says a tone and listens for another until the other side hangs up.
async function talk(call) {
  let heard = Buffer.alloc(0);
  const told = new Promise((found) => {
    call.on("audioPacket", (packet) => {
      heard = Buffer.concat([heard, packet.payload]);
      if (heard.length < (BYTES * RATE) / 2) return;
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
