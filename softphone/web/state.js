// What the page knows, as one value, and what each thing that happens makes of it. Nothing here touches the page.

export const FIRST = Object.freeze({
  phase: "door", // door, joining, room, over
  byLink: false,
  to: "",
  name: "",
  secret: "",
  problem: null, // { code, message, wait }: why the door stayed shut
  account: null, // { name, number }: who has signed in
  loginProblem: null,
  accountProblem: null,
  recordings: { state: "none", items: [], next: null }, // none, reading, read, failed
  playing: { id: "", state: "", url: "" }, // of a recording: reading, ready, failed
  microphone: "unknown", // unknown, asking, ready, refused, missing, busy, insecure
  inputs: [],
  input: "",
  outputs: [],
  output: "",
  title: "",
  you: "",
  role: "participant",
  conference: {},
  parties: [],
  muted: false, // by the own hand
  since: 0, // ms, when the room was entered
  media: "new", // new, up, down
  events: "new",
  heldBack: false, // the browser plays nothing before a click
  dialog: null,
  about: null, // the party that the dialog is about
  pressed: "",
  invitation: "", // why nobody was invited
  notice: "", // a word that stands for a moment
  told: "", // for screen readers
  end: null, // { reason, problem }
});

export const me = (state) => state.parties.find((party) => party.id === state.you);
export const mutedByHost = (state) => Boolean(me(state)?.muted) && !state.muted;
export const isSilent = (state) => state.muted || Boolean(me(state)?.muted) || state.microphone !== "ready";
export const isHost = (state) => state.role === "host";

// What others may be given to come in by; a host's code and a pass are one's own.
export const shared = ({ to, role, secret }) => {
  const code = to.trim();
  return code.startsWith("conf_") || (!/^\d{24}$/.test(code) && (role !== "host" || secret)) ? code : "";
};

const withParty = (parties, party) =>
  parties.some((each) => each.id === party.id)
    ? parties.map((each) => (each.id === party.id ? { ...each, ...party } : each))
    : [...parties, party];

// The server's own events, by their name.
const SERVER = {
  roster: (state, { you, conference, parties }) => ({
    ...state, you, conference, parties, events: "up",
    title: conference.title || state.title,
    role: parties.find((party) => party.id === you)?.role || state.role,
  }),
  party: (state, { party }) => {
    const known = state.parties.some((each) => each.id === party.id);
    const parties = withParty(state.parties, party);
    const role = party.id === state.you ? party.role || state.role : state.role;
    return { ...state, parties, role, told: known ? state.told : `${party.name} has come in` };
  },
  left: (state, { party }) => {
    const gone = state.parties.find((each) => each.id === party);
    if (!gone) return state;
    const dialog = state.about?.id === party ? null : state.dialog;
    return { ...state, dialog, parties: state.parties.filter((each) => each !== gone), told: `${gone.name} has left` };
  },
  conference: (state, { conference }) => {
    const before = state.conference;
    const now = { ...before, ...conference };
    const told =
      Boolean(now.recording) !== Boolean(before.recording) ? (now.recording ? "This is being recorded now" : "The recording has stopped")
      : Boolean(now.locked) !== Boolean(before.locked) ? (now.locked ? "The conference is locked" : "The conference is open again")
      : state.told;
    return { ...state, conference: now, title: now.title || state.title, told };
  },
};

const HAPPENINGS = {
  link: (state, { to }) => ({ ...state, to, byLink: Boolean(to) }),
  otherCode: (state) => ({ ...state, byLink: false, to: "" }),
  edit: (state, { field, value }) => ({ ...state, [field]: value }),
  loginRefused: (state, { problem }) => ({ ...state, loginProblem: problem }),
  signedIn: (state, { account }) => ({ ...state, account, loginProblem: null, accountProblem: null, name: state.name || account.name }),
  signedOut: (state, { problem = null }) => ({
    ...state, account: null, loginProblem: problem, recordings: FIRST.recordings, playing: FIRST.playing,
    dialog: state.dialog === "recordings" ? null : state.dialog,
  }),
  accountRefused: (state, { problem }) => ({ ...state, accountProblem: problem }),
  reading: (state) => ({ ...state, recordings: { ...state.recordings, state: "reading" } }),
  recordings: (state, { items, next, more }) => ({
    ...state, recordings: { state: "read", items: more ? [...state.recordings.items, ...items] : items, next },
  }),
  recordingsFailed: (state) => ({ ...state, recordings: { ...state.recordings, state: "failed" } }),
  playing: (state, { id, is, url = "" }) => ({ ...state, playing: { id, state: is, url } }),
  microphone: (state, { is }) => ({ ...state, microphone: is }),
  devices: (state, { inputs, outputs, input }) => ({ ...state, inputs, outputs, input: input ?? state.input }),
  chosen: (state, { kind, id }) => ({ ...state, [kind]: id }),
  joining: (state) => ({ ...state, phase: "joining", problem: null }),
  refused: (state, { problem }) => ({ ...state, phase: "door", problem }),
  joined: (state, { party, role, title, now }) => ({
    ...state, phase: "room", you: party, role, title: title || state.title, problem: null,
    since: state.phase === "room" ? state.since : now,
    // After a second joining the roster of before stands until the new one is here.
    ...(state.phase === "room" ? {} : { parties: [], conference: {}, muted: false, pressed: "", told: "", notice: "" }),
  }),
  server: (state, { message }) => SERVER[message.event]?.(state, message) ?? state,
  media: (state, { is }) => ({ ...state, media: is }),
  events: (state, { is }) => ({ ...state, events: is }),
  heldBack: (state, { is }) => ({ ...state, heldBack: is }),
  muted: (state, { is }) => ({ ...state, muted: is, notice: "" }),
  notice: (state, { text }) => ({ ...state, notice: text }),
  open: (state, { dialog, about = null }) => ({ ...state, dialog, about, pressed: "", invitation: "" }),
  close: (state) => ({ ...state, dialog: null, about: null }),
  key: (state, { key }) => ({ ...state, pressed: (state.pressed + key).slice(-24) }),
  invitation: (state, { text }) => ({ ...state, invitation: text }),
  over: (state, { reason, problem = null }) => ({ ...state, phase: "over", dialog: null, end: { reason, problem } }),
  door: (state) => ({ ...state, phase: "door", problem: null, end: null, media: "new", events: "new" }),
};

export const reduce = (state, happening) => HAPPENINGS[happening.type](state, happening);

// Yourself first, then hosts, then the others as they came.
export const inOrder = (state) => {
  const rank = (party) => (party.id === state.you ? 0 : party.role === "host" ? 1 : 2);
  return [...state.parties].sort((one, other) => rank(one) - rank(other));
};
