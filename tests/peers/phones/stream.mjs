// Drives RingCentral's softphone (1.x, TLS) for tests/peers/test_encrypted.py: `node stream.mjs <JSON>`; one line of JSON for each thing.
import Softphone from "ringcentral-softphone";

const wish = JSON.parse(process.argv[2]);
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));
const phone = new Softphone({ ...wish.sipInfo, ignoreTlsCertErrors: true });
await phone.register();
tell("registered");
for (const to of wish.to) {
  const ends = new Promise((found) => {
    phone.on("message", (each) => {
      if (/^SIP\/2\.0 4(86|88) /.test(each.subject)) found([each.subject, each.getHeader("Warning") ?? ""]);
    });
  });
  const call = await phone.call(to);
  const busy = new Promise((told) => call.once("busy", () => told(true)));
  const [subject, warning] = await ends;
  tell("refused", { subject, warning, progress: call.sipMessage.subject, busy: subject.includes(" 486 ") && (await busy) });
}
phone.revoke();
process.exit(0);
