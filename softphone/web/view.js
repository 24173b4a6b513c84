// The page, made to look as the state says. It is called after each change; what is right already is left alone.

import { inOrder, isHost, isSilent, me, mutedByHost, shared } from "./state.js";
import { about, clock, end, initials, microphone, playing, quality, recording, recordings, refusal } from "./words.js";

export const $ = (id) => document.getElementById(id);

const show = (node, is) => { if (node.hidden === is) node.hidden = !is; };
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const mark = (node, name, value) => { if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value); };
const note = (node, text) => { say(node, text); show(node, Boolean(text)); };
const icon = (node, name) => mark(node.querySelector("use"), "href", `#i-${name}`);

export const make = (tag, className, ...children) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
};

const sign = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
};

const choose = (select, options, chosen) => {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted;
    select.replaceChildren(...options.map(({ id, label }) => new Option(label, id)));
  }
  if (options.some(({ id }) => id === chosen)) select.value = chosen;
};

function door(state) {
  note($("problem"), state.problem ? refusal(state.problem) : "");
  show($("by-link"), state.byLink);
  show($("code-field"), !state.byLink);
  for (const field of ["to", "name", "secret"]) {
    const input = $(field === "to" ? "code" : field);
    if (input.value !== state[field]) input.value = state[field];
  }
  mark($("code"), "aria-invalid", ["wrong_code", "not_found", "empty"].includes(state.problem?.code));
  const is = state.microphone;
  say($("mic-words"), microphone(is));
  show($("mic-ready"), is === "ready");
  show($("mic-ask"), ["unknown", "refused", "missing", "busy"].includes(is));
  say($("mic-ask"), is === "unknown" ? "Check the microphone" : "Try again");
  choose($("mic"), state.inputs, state.input);
  const joining = state.phase === "joining";
  mark($("go"), "aria-disabled", joining);
  const deaf = ["refused", "missing", "busy", "insecure"].includes(is);
  say($("go"), joining ? "Joining…" : deaf ? "Join and listen" : "Join");
}

function account(state) {
  show($("account-part"), !state.account);
  show($("account"), Boolean(state.account));
  say($("account-name"), state.account ? `${state.account.name} (${state.account.number})` : "");
  note($("login-problem"), state.loginProblem ? refusal(state.loginProblem) : "");
  note($("account-problem"), state.accountProblem ? refusal(state.accountProblem) : "");
  mark($("start"), "aria-disabled", state.phase === "joining");
}

function take(item) {
  const { when, long, who } = recording(item);
  const play = make("button", "second play", "Play", make("span", "unseen", ` the recording of ${when}`));
  play.type = "button";
  const words = make("p", "hint state");
  words.setAttribute("role", "status");
  const player = make("audio");
  player.controls = true;
  player.hidden = true;
  const node = make("li", "take", make("p", "", make("strong", "", when), ` · ${long}`), make("p", "hint", who), play, words, player);
  node.dataset.recording = item.id;
  return node;
}

// A player is there when its sound is; it goes on as long as no other one is asked for.
function listening(node, { id, state: is, url }) {
  const mine = node.dataset.recording === id;
  say(node.querySelector(".state"), mine ? playing(is) : "");
  show(node.querySelector(".play"), !(mine && is === "ready"));
  const player = node.querySelector("audio");
  show(player, mine && is === "ready");
  const wanted = mine ? url : "";
  if ((player.getAttribute("src") ?? "") === wanted) return;
  if (wanted) { player.src = wanted; player.play().catch(() => {}); player.focus(); }
  else { player.removeAttribute("src"); player.load(); }
}

function library(state) {
  const { items, next } = state.recordings;
  note($("recordings-words"), recordings(state.recordings));
  const list = $("recordings-list");
  const ids = items.map(({ id }) => id).join(" ");
  if (list.dataset.ids !== ids) {
    list.dataset.ids = ids;
    list.replaceChildren(...items.map(take));
  }
  for (const node of list.children) listening(node, state.playing);
  show($("recordings-more"), Boolean(next));
}

function row(party) {
  const face = make("span", "face");
  face.setAttribute("aria-hidden", "true");
  const who = make("span", "who", make("span", "name"), make("span", "what"));
  const signs = make("span", "signs", make("span", "bars", make("span", "unseen")), make("span", "sign muted", sign("off"), make("span", "unseen")));
  signs.firstChild.append(make("i"), make("i"), make("i"));
  const silence = make("button", "small silence", sign("off"), make("span", "unseen"));
  const out = make("button", "small out", sign("out"), make("span", "unseen"));
  for (const button of [silence, out]) button.type = "button";
  const node = make("li", "party", face, who, make("span", "unseen talks"), signs, make("span", "deeds", silence, out));
  node.dataset.party = party.id;
  return node;
}

function fill(node, party, state) {
  const part = (name) => node.querySelector(name);
  const mine = party.id === state.you;
  say(part(".face"), initials(party.name));
  say(part(".name"), party.name);
  say(part(".what"), about(party, state.you));
  say(part(".talks"), party.talking ? "is talking" : "");
  node.classList.toggle("talking", Boolean(party.talking));
  node.classList.toggle("held", Boolean(party.held));
  const bars = part(".bars");
  const good = quality(party.quality);
  bars.dataset.quality = good ? party.quality : "";
  say(bars.querySelector(".unseen"), good);
  const muted = mine ? isSilent(state) : party.muted;
  show(part(".sign.muted"), Boolean(muted));
  say(part(".sign.muted .unseen"), muted ? "muted" : "");
  show(part(".deeds"), isHost(state) && !mine);
  const [deed, name] = party.stage === "lobby" ? ["Let in", "add"] : party.muted ? ["Unmute", "mic"] : ["Mute", "off"];
  say(part(".silence .unseen"), `${deed} ${party.name}`);
  icon(part(".silence"), name);
  say(part(".out .unseen"), `Remove ${party.name}`);
}

const rows = new Map(); // id: { node, party, seen }

function roster(state) {
  const parties = inOrder(state);
  const seen = JSON.stringify([state.you, state.role, isSilent(state)]);
  const ids = new Set(parties.map((party) => party.id));
  for (const [id, { node }] of rows) if (!ids.has(id)) { node.remove(); rows.delete(id); }
  parties.forEach((party, place) => {
    let known = rows.get(party.id);
    if (!known) rows.set(party.id, (known = { node: row(party) }));
    if (known.party !== party || known.seen !== seen) fill(known.node, party, state);
    Object.assign(known, { party, seen });
    if ($("roster").children[place] !== known.node) $("roster").insertBefore(known.node, $("roster").children[place] ?? null);
  });
  say($("count"), String(parties.length));
}

const STAGES = {
  waiting: "You are waiting for the host. You will hear everybody when the host is here.",
  lobby: "You are in front of the door: the host has been asked to let you in.",
  held: "You are on hold.",
};

const inGroup = (group) => (group ? `You are in group ${group}. Star 3 on the keypad takes you back to the others.` : "");

// The one thing that is most wanted to be known above the roster.
function banner(state) {
  if (state.media === "down" || state.events === "down") return "The connection is interrupted. You are being connected again…";
  return state.notice || STAGES[me(state)?.stage] || (me(state)?.held ? STAGES.held : inGroup(me(state)?.group));
}

function room(state) {
  say($("title"), state.title || "Conference");
  show($("is-recording"), Boolean(state.conference.recording));
  show($("is-locked"), Boolean(state.conference.locked));
  note($("banner"), banner(state));
  show($("deafened"), state.heldBack);
  show($("host"), isHost(state));
  show($("copy"), Boolean(shared(state)));
  const { locked, muted } = state.conference;
  const recording = state.conference.recording || state.conference.paused;
  say($("mute-all").querySelector("span"), muted ? "Unmute all" : "Mute all");
  icon($("mute-all"), muted ? "mic" : "off");
  $("lock").classList.toggle("on", Boolean(locked));
  say($("lock").querySelector("span"), locked ? "Unlock" : "Lock");
  $("record").classList.toggle("on", Boolean(recording));
  say($("record").querySelector("span"), recording ? "Stop recording" : "Record");
  roster(state);
}

function aside(state) {
  if (state.microphone !== "ready") return "You are listening only: no microphone is in use.";
  if (mutedByHost(state)) return "The host has muted you.";
  return "";
}

function deck(state) {
  const silent = isSilent(state);
  $("mute").classList.toggle("silent", silent);
  icon($("mute"), silent ? "off" : "mic");
  say($("mute").querySelector(".label"), silent ? "Unmute" : "Mute");
  note($("aside"), aside(state));
}

function dialogs(state) {
  for (const dialog of document.querySelectorAll("dialog")) {
    const wanted = dialog.id === state.dialog;
    if (wanted && !dialog.open) dialog.showModal();
    if (!wanted && dialog.open) dialog.close();
  }
  library(state);
  say($("pressed"), state.pressed);
  say($("removing-title"), `Remove ${state.about?.name ?? ""}?`);
  note($("invite-problem"), state.invitation);
  const ready = state.microphone === "ready";
  note($("sound-words"), ready ? "" : microphone(state.microphone));
  show($("sound-ask"), !ready && state.microphone !== "insecure");
  show($("sound-in"), ready);
  show($("sound-out"), state.outputs.length > 0);
  choose($("sound-mic"), state.inputs, state.input);
  choose($("sound-speaker"), state.outputs, state.output);
}

let phase = "";

export function render(state) {
  const inRoom = state.phase === "room";
  const atDoor = state.phase === "door" || state.phase === "joining";
  show($("door"), atDoor);
  show($("room"), inRoom);
  show($("deck"), inRoom);
  show($("over"), state.phase === "over");
  if (atDoor) door(state);
  if (atDoor) account(state);
  if (inRoom) room(state);
  if (inRoom) deck(state);
  if (state.phase === "over") {
    const [title, words] = end(state.end);
    say($("over-title"), title);
    say($("over-words"), words);
  }
  dialogs(state);
  document.title = inRoom ? state.title || "Conference" : state.phase === "over" ? end(state.end)[0] : "Join a conference";
  if (phase !== state.phase) arrive(state);
}

// Who works with the keyboard, or hears the page, is led to where things go on.
function arrive(state) {
  const first = phase === "";
  phase = state.phase;
  document.body.dataset.phase = phase;
  if (phase === "room") $("mute").focus();
  else if (phase === "over") $("over-title").focus();
  else if (phase === "door" && !first) (state.byLink ? $("door-title") : $("code")).focus();
}

export function tick(state, level) {
  const percent = Math.round(level * 100);
  for (const meter of document.querySelectorAll(".meter")) {
    meter.firstElementChild.style.setProperty("--level", level.toFixed(3));
    mark(meter, "aria-valuenow", percent);
  }
  document.querySelector(".own span").style.setProperty("--level", level.toFixed(3));
  if (state.phase === "room") say($("clock-time"), clock((Date.now() - state.since) / 1000));
}
