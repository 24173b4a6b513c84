// The page: what is done on it goes to the state, the state to the view, and wishes to the call.

import { Account } from "./account.js";
import { Call } from "./call.js";
import { Sound } from "./sound.js";
import { FIRST, isSilent, mutedByHost, reduce, shared } from "./state.js";
import { $, make, render, tick } from "./view.js";
import { KEYS, NAMES_OF_KEYS, called, comings, refusal } from "./words.js";

const NOTICE_MS = 5000;
// Louder than this for so many looks in a row is speech, not a knock on the table.
const SPEECH = 0.62;
const LOOKS = 25;

let state = FIRST;
let call = null;
let account = null;
let drawn = true;

function tell(happening) {
  const before = state;
  if (happening.message?.event === "invitation") notice(called(happening.message));
  state = reduce(state, happening);
  if (state.told !== before.told) announce(state.told);
  if (drawn) queueMicrotask(() => { drawn = true; render(state); });
  drawn = false;
}

// Comings and goings of a moment are said together.
let unsaid = [];
function announce(text) {
  if (!text) return;
  unsaid.push(text);
  if (unsaid.length > 1) return;
  setTimeout(() => {
    const others = unsaid.filter((each) => !/ has (come in|left)$/.test(each));
    const of = (verb) => unsaid.filter((each) => each.endsWith(verb)).map((each) => each.slice(0, -verb.length - 1));
    $("told").textContent = [...others, comings(of("has come in"), "came in"), comings(of("has left"), "left")].filter(Boolean).join(". ");
    unsaid = [];
  }, 700);
}

let noticeTimer;
function notice(text) {
  tell({ type: "notice", text });
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => tell({ type: "notice", text: "" }), NOTICE_MS);
}

const sound = new Sound((is) => tell({ type: "microphone", is }), $("far"));
sound.changed = (track) => {
  track.enabled = !isSilentByWish();
  call?.send(track)?.catch(() => {});
  devices();
};
const isSilentByWish = () => state.phase === "room" && (state.muted || mutedByHost(state));

async function devices() {
  tell({ type: "devices", ...(await sound.devices()) });
}

// What the browser kept of the last time; without storage nothing is kept.
const kept = {
  get(name) { try { return localStorage.getItem(name) ?? ""; } catch { return ""; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* private windows may refuse */ } },
};

async function join() {
  if (state.phase === "joining") return;
  const to = state.to.trim();
  if (!to) {
    tell({ type: "refused", problem: { code: "empty", message: "Type the code of the conference." } });
    return $("code").focus();
  }
  kept.set("name", state.name.trim());
  tell({ type: "joining" });
  if (["unknown", "asking"].includes(state.microphone)) await sound.open(kept.get("input"));
  call = new Call({ to, name: state.name.trim() || "Guest", secret: state.secret, token: account?.token }, sound, tell);
  try {
    await call.join();
  } catch (error) {
    call = null;
    if (account && error.problem.code === "login_needed") error.problem.code = signedOut();
    tell({ type: "refused", problem: error.problem });
    if (error.problem.code === "wrong_code") $("secret-part").open = true;
    (state.byLink ? $("go") : $("code")).focus();
  }
}

async function signIn() {
  const [user, password] = [$("user").value.trim(), $("password").value];
  if (!user || !password) return tell({ type: "loginRefused", problem: { code: "empty", message: "Type your extension and its password." } });
  try {
    account = await Account.signIn(user, password);
  } catch ({ problem }) {
    tell({ type: "loginRefused", problem });
    return $("password").focus();
  }
  $("password").value = "";
  tell({ type: "signedIn", account: { name: account.name, number: account.number } });
  queueMicrotask(() => $("start").focus());
}

function signedOut() {
  account = null;
  tell({ type: "signedOut", problem: { code: "signed_out" } });
  $("account-part").open = true;
  return "signed_out";
}

function signOut() {
  account.signOut();
  account = null;
  tell({ type: "signedOut" });
}

// What only who has signed in may do; when its time is over it is told to sign in again.
async function asked(deed, refused) {
  try {
    await deed(account);
  } catch ({ problem }) {
    if (problem.code === "login_needed") signedOut();
    else tell({ type: refused, problem });
  }
}

const begin = () => state.phase !== "joining" && asked(async (mine) => {
  tell({ type: "edit", field: "to", value: await mine.start() });
  await join();
}, "accountRefused");

const readRecordings = (after) => asked(async (mine) => {
  tell({ type: "reading" });
  const { recordings, next } = await mine.recordings(after);
  tell({ type: "recordings", items: recordings.filter((each) => each.state === "ready"), next, more: Boolean(after) });
}, "recordingsFailed");

async function listen(id) {
  if (state.playing.url) URL.revokeObjectURL(state.playing.url);
  tell({ type: "playing", id, is: "reading" });
  try {
    const url = await account.sound(id);
    if (state.playing.id === id && state.dialog === "recordings") tell({ type: "playing", id, is: "ready", url });
    else URL.revokeObjectURL(url);
  } catch ({ problem }) {
    if (problem?.code === "login_needed") signedOut();
    else tell({ type: "playing", id, is: "failed" });
  }
}

function stopListening() {
  if (state.playing.url) URL.revokeObjectURL(state.playing.url);
  tell({ type: "playing", id: "", is: "" });
}

async function toggleMute() {
  if (state.microphone !== "ready") return tell({ type: "open", dialog: "sound" });
  const wanted = !isSilent(state);
  tell({ type: "muted", is: wanted });
  try {
    await call.mute(wanted);
  } catch (error) {
    // Without the server our own silence holds all the same; a host's does not end so.
    if (error.problem.code === "unreachable") return;
    if (sound.track) sound.track.enabled = false;
    notice(error.problem.message || "The host has muted you.");
  }
}

const command = (what, more) => call?.command(what, more).catch((error) => notice(refusal(error.problem)));

function press(key) {
  if (call.press(key)) tell({ type: "key", key });
  else notice("Keys cannot be sent on this call.");
}

const address = () => (shared(state) ? `${location.origin}/j/${encodeURIComponent(shared(state))}` : "");

// Where the server sends no mail, one's own mail program does.
function write(whom) {
  if (!address()) return tell({ type: "invitation", text: "This conference has no link that could be sent. Invite by number." });
  const [subject, body] = [`Invitation: ${state.title}`, `Join by this link:\n${address()}\n`].map(encodeURIComponent);
  const link = make("a");
  link.href = `mailto:${encodeURIComponent(whom)}?subject=${subject}&body=${body}`;
  link.click();
  tell({ type: "close" });
  notice("The invitation is in your mail program.");
}

async function invite(whom) {
  if (!whom) return tell({ type: "invitation", text: "Type a number or an address." });
  const mailed = whom.includes("@");
  try {
    await call.command("invite", { to: whom });
    tell({ type: "close" });
    notice(mailed ? `An invitation was sent to ${whom}.` : called({ state: "ringing", number: whom }));
  } catch (error) {
    if (error.problem.code === "no_mail") return write(whom);
    tell({ type: "invitation", text: refusal(error.problem) });
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(address());
    notice("The link is copied.");
  } catch {
    notice("Your browser does not let this page copy.");
  }
}

function leave() {
  call.leave();
  call = null;
  sound.close();
  tell({ type: "microphone", is: "unknown" });
}

const on = (id, what, deed) => $(id).addEventListener(what, deed);
const open = (dialog) => () => tell({ type: "open", dialog });

function wireDoor() {
  on("join", "submit", (event) => { event.preventDefault(); join(); });
  for (const [id, field] of [["code", "to"], ["name", "name"], ["secret", "secret"]])
    on(id, "input", ({ target }) => tell({ type: "edit", field, value: target.value }));
  on("other-code", "click", () => { tell({ type: "otherCode" }); queueMicrotask(() => $("code").focus()); });
  on("mic-ask", "click", () => sound.open());
  on("again", "click", () => { tell({ type: "door" }); warm(); });
}

function wireAccount() {
  on("login", "submit", (event) => { event.preventDefault(); signIn(); });
  on("sign-out", "click", signOut);
  on("start", "click", begin);
  on("recordings-open", "click", () => { open("recordings")(); readRecordings(); });
  on("recordings-more", "click", () => readRecordings(state.recordings.next));
  on("recordings", "close", stopListening);
  on("recordings-list", "click", ({ target }) => {
    const button = target.closest("button");
    if (button) listen(button.closest("li").dataset.recording);
  });
}

function chooseMicrophone({ target }) {
  kept.set("input", target.value);
  sound.open(target.value);
}

function wireRoom() {
  on("mute", "click", toggleMute);
  on("leave", "click", leave);
  on("keypad-open", "click", open("keypad"));
  on("sound-open", "click", () => { devices(); open("sound")(); });
  on("invite", "click", () => { $("whom").value = ""; open("inviting")(); });
  on("copy", "click", copy);
  on("hear", "click", () => sound.play($("far").srcObject, (is) => tell({ type: "heldBack", is })));
  on("mute-all", "click", () => command(state.conference.muted ? "unmute_all" : "mute_all"));
  on("lock", "click", () => command(state.conference.locked ? "unlock" : "lock"));
  on("record", "click", () => command(state.conference.recording || state.conference.paused ? "stop_recording" : "record"));
  on("roster", "click", ({ target }) => {
    const button = target.closest("button");
    const party = state.parties.find((each) => each.id === button?.closest("li").dataset.party);
    if (!party) return;
    if (button.classList.contains("out")) tell({ type: "open", dialog: "removing", about: party });
    else command(party.stage === "lobby" ? "admit" : party.muted ? "unmute" : "mute", { party: party.id });
  });
}

function wireDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("close", () => state.dialog === dialog.id && tell({ type: "close" }));
    dialog.querySelector(".shut").addEventListener("click", () => tell({ type: "close" }));
  }
  on("remove", "click", () => {
    command(state.about.stage === "lobby" ? "reject" : "kick", { party: state.about.id });
    tell({ type: "close" });
  });
  on("invite-form", "submit", (event) => { event.preventDefault(); invite($("whom").value.trim()); });
  for (const id of ["mic", "sound-mic"]) on(id, "change", chooseMicrophone);
  on("sound-ask", "click", () => sound.open());
  on("sound-speaker", "change", ({ target }) => {
    tell({ type: "chosen", kind: "output", id: target.value });
    sound.speak(target.value).catch(() => notice("This loudspeaker cannot be used."));
  });
  $("keys").append(...KEYS.map((key) => {
    const button = make("button", "key", key);
    button.type = "button";
    if (NAMES_OF_KEYS[key]) button.setAttribute("aria-label", NAMES_OF_KEYS[key]);
    button.addEventListener("click", () => press(key));
    return button;
  }));
}

// m mutes everywhere but where one writes; the space bar where it does nothing else.
function shortcut(event) {
  if (state.phase !== "room" || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (state.dialog === "keypad" && KEYS.includes(event.key)) return press(event.key);
  if (state.dialog || event.target.closest("input, select, textarea")) return;
  const idle = !event.target.closest("button, a, summary");
  if (event.key.toLowerCase() === "m" || (event.key === " " && idle)) {
    event.preventDefault();
    toggleMute();
  }
}

// Devices and their names are there before joining, where the browser gives them unasked.
async function warm() {
  if (!sound.possible) return tell({ type: "microphone", is: "insecure" });
  if (await sound.allowed()) await sound.open(kept.get("input"));
}

let loud = 0;
function look() {
  const level = state.phase === "over" ? 0 : sound.level();
  tick(state, level);
  loud = state.phase === "room" && isSilent(state) && level > SPEECH ? loud + 1 : 0;
  if (loud === LOOKS && state.muted) notice("You are muted: nobody hears you.");
  requestAnimationFrame(look);
}

function start() {
  const code = /^\/j\/([^/]+)\/?$/.exec(location.pathname)?.[1];
  if (code) tell({ type: "link", to: decodeURIComponent(code) });
  tell({ type: "edit", field: "name", value: kept.get("name") });
  wireDoor();
  wireAccount();
  wireRoom();
  wireDialogs();
  document.addEventListener("keydown", shortcut);
  navigator.mediaDevices?.addEventListener("devicechange", devices);
  window.addEventListener("pagehide", () => call && state.phase === "room" && call.leave());
  warm();
  look();
}

start();
