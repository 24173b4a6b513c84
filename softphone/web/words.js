// What the page says, in one place: for codes of the server, for the microphone, for parties.

const REFUSALS = {
  wrong_code: "The code or the password is not right. Look at your invitation and try again.",
  not_found: "There is no conference with this code. It may be over, or the link may have been cut short.",
  ended: "This conference is over, or your invitation is no longer valid.",
  login_needed: "Only people with an account here can join this conference from a browser. Join by phone.",
  not_admitted: "This conference does not let you in. Ask its host.",
  nobody_there: "Nobody is in this conference yet. Try again when it has begun.",
  locked: "The host has locked this conference: nobody else can come in now.",
  full: "This conference is full. Try again when somebody has left.",
  no_common_codec: "Your browser and this server have no sound format in common.",
  busy: "The server has too much to do. Try again in a moment.",
  off: "Joining from a browser is switched off on this server. Join by phone.",
  too_slow: "Your network is very slow: the request did not arrive in time. Try again.",
  unreachable: "The server cannot be reached. Look at your network and try again.",
  wrong_login: "There is no such extension, or this is not its password.",
  signed_out: "You have been signed out. Sign in again.",
};

const ENDS = {
  left: ["You have left", "The conference goes on without you."],
  removed: ["The host has removed you", "You are no longer in this conference."],
  ended: ["The conference is over", "It was ended for everybody."],
  lost: ["The connection is lost", "The server did not answer for two minutes."],
  time: ["Your time is over", "Nobody may stay longer in this conference."],
  failed: ["The connection could not be made", "Sound did not find a way between you and the server. A firewall may be in between."],
  elsewhere: ["Your call has ended", "The server has ended it."],
};

const MICROPHONE = {
  unknown: "Your browser will ask you before this page can hear you.",
  asking: "Your browser is asking you now. Choose “Allow”.",
  ready: "Say something: the bar should move.",
  refused: "Your browser does not let this page use the microphone. Allow it in the settings of this page, near the address, or join and listen only.",
  missing: "No microphone was found. Plug one in, or join and listen only.",
  busy: "The microphone cannot be opened. Another program may be using it.",
  insecure: "Browsers give the microphone to secure pages only. Open this page by https, or join and listen only.",
};

export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
export const NAMES_OF_KEYS = { "*": "star", "#": "pound" };

export const refusal = ({ code, message, wait }) =>
  code === "too_many"
    ? `Too many attempts. Try again in ${wait > 90 ? `${Math.ceil(wait / 60)} minutes` : `${wait || 30} seconds`}.`
    : REFUSALS[code] || message || "That did not work. Try again.";

export const end = ({ reason, problem }) =>
  problem ? ["You could not come back in", refusal(problem)] : ENDS[reason] || ENDS.elsewhere;

export const microphone = (is) => MICROPHONE[is];

const QUALITIES = { good: "good connection", fair: "fair connection", poor: "poor connection" };

export const quality = (is) => QUALITIES[is] || "";

const ROLES = { host: "Host", listener: "Listener" };
const STAGES = { invited: "being called", lobby: "wants to come in", waiting: "waiting for the host" };
const WAYS = { browser: "Browser", web: "Browser", whip: "Browser", phone: "Phone", sip: "Phone", program: "Program" };

export const about = (party, you) =>
  [party.id === you && "You", ROLES[party.role], WAYS[party.via] || party.via, STAGES[party.stage], party.group && `in group ${party.group}`, party.held && party.stage !== "waiting" && "on hold"]
    .filter(Boolean).join(" · ");

export const initials = (name) => {
  if (/^\+?[\d\s()*#-]+$/.test(name)) return "#";
  const parts = name.trim().split(/\s+/).filter((part) => /[\p{L}\p{N}]/u.test(part));
  const chosen = parts.length > 1 ? [parts[0], parts.at(-1)] : parts;
  return chosen.map((part) => [...part.replace(/^[^\p{L}\p{N}]+/u, "")][0]).join("").toUpperCase() || "?";
};

export const clock = (seconds) => {
  const two = (number) => String(number).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

// What becomes of somebody who is called in.
const CALLED = { ringing: "is being called", answered: "has answered", failed: "was not reached" };

export const called = ({ state, number, reason }) =>
  [number, CALLED[state], state === "failed" && reason ? `(${reason})` : ""].filter(Boolean).join(" ");

// Who came and went since the last time anything was said: a crowd is counted, not listed.
export const comings = (names, verb) =>
  names.length > 3 ? `${names.length} people ${verb}` : names.length ? `${names.join(", ")} ${verb}` : "";

// When something began, as the reader writes it, and how long it lasted.
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const recording = ({ started, seconds, parties }) => {
  const names = [...new Set(parties.map(({ name, number }) => name || number).filter(Boolean))];
  return { when: WHEN.format(new Date(started)), long: clock(seconds), who: names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${names.length - 6} more` : "") };
};

const RECORDINGS = { reading: "Looking for them…", failed: "They could not be read. Try again later." };
export const recordings = ({ state, items }) => RECORDINGS[state] ?? (items.length ? "" : "There are none yet: a host records with “Record”.");

const PLAYING = { reading: "Fetching the sound…", failed: "The sound could not be fetched." };
export const playing = (state) => PLAYING[state] ?? "";
