// The chat page: brings its parts together.
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { h } from "./dom.js";
import { download, readFile } from "./files.js";
import { showMeter } from "./meter.js";
import { clearNotice, keyForm, showNotice } from "./notices.js";
import { openSettings, Settings } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import { onForeignChange } from "./store.js";
import { installThemeSwitch } from "./theme_switch.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const SUGGESTIONS = ["Explain how a transformer predicts the next word.", "Write a haiku about the sea in autumn.",
                     "Which questions should I ask before I rent a flat?"];

const settings = new Settings();
const chat = new Chat({ parameters: requestParameters, onChange });
const connection = new Connection(showConnection);
const composer = new Composer($("composer"), $("message"), $("send"),
                              { send: (text) => chat.send(text), stop: () => chat.stop(), editLast });
const transcript = new Transcript({
  scroller: $("scroller"), element: $("transcript"), empty: $("empty"), toEnd: $("to-end"),
  actions: {
    resend: (message, text) => chat.resend(message, text),
    regenerate: (message) => chat.regenerate(message),
    goOn: (message) => chat.goOn(message),
    choose: (message) => {
      chat.choose(message);
      transcript.viewOf(message)?.focusVersions();
    },
    versions: (message) => chat.versions(message),
    busy: () => chat.isRunning(),
  },
});
const sidebar = new Sidebar($("conversations"), {
  open: (id) => {
    chat.open(id);
    showSidebar(false);
    composer.focus();
  },
  rename: (id, title) => chat.rename(id, title),
  export: (id) => download([chat.conversations.get(id)]),
  remove: askToDelete,
});

// ---- what is shown ----

function onChange(what, detail) {
  if (what === "list") {
    sidebar.show(chat.list(), chat.current.id, (id) => chat.isRunning(id));
    const title = chat.current.title || "New conversation";
    $("title").textContent = title;
    document.title = chat.current.title ? `${title} · ttt` : "ttt";
  } else if (what === "messages") {
    composer.setConversation(chat.current.id);
    composer.setBusy(chat.isRunning());
    if (detail?.sent || shownConversation !== chat.current.id) transcript.following = true;
    // The button that was pressed is gone; on a phone the focus would bring up the keyboard.
    if (detail?.sent && !matchMedia("(pointer: coarse)").matches) composer.focus();
    shownConversation = chat.current.id;
    transcript.show(chat.messages());
    rememberInAddress();
    meter();
  } else if (what === "text") {
    transcript.schedule(detail);
    meter();
  } else if (what === "ended") {
    announceEnd(detail);
    if (detail.error?.status === 0) connection.connect();
  } else if (what === "storage") {
    showStorage();
  }
}

let shownConversation = null;

function meter() {
  showMeter({ speed: $("speed"), meter: $("meter"), bar: $("meter").firstElementChild, fill: $("meter-fill"), text: $("meter-text") },
            chat.messages(), connection.contextOf(modelId()));
}

// Whoever listens to the page hears an answer once, when it is complete.
function announceEnd(message) {
  const text = { done: message.content, stopped: "Stopped.", error: "" }[message.state] ?? "";
  $("announcer").textContent = text.length > 2000 ? `${text.slice(0, 2000)} …` : text;
}

function showStorage() {
  if (chat.storage === "saved") {
    clearNotice("storage");
  } else if (chat.storage === "full") {
    showNotice($("notices"), "storage", "The browser's storage is full, so the newest messages are not kept.", [
      ["Export all", () => download(chat.list())], ["Delete the oldest", () => askToDelete(chat.list().at(-1).id)]]);
  } else if (!$("notices").querySelector('[data-notice="storage"]')) {
    showNotice($("notices"), "storage", "This browser keeps nothing: the conversations are lost when the page is closed.",
               [["Export all", () => download(chat.list())]]);
  }
}

// ---- the server ----

// A message may be sent before the server has said which models it has, or after it was started again.
async function requestParameters() {
  if (connection.state !== "ready") await connection.connect();
  return { model: modelId(), ...settings.parameters(currentModel()) };
}

function currentModel() {
  return connection.models.find((model) => model.id === modelId());
}

function modelId() {
  const ids = connection.models.map((model) => model.id);
  return ids.includes(settings.model) ? settings.model : ids[0];
}

function showConnection() {
  const { state, models } = connection;
  $("status-dot").dataset.state = state;
  clearNotice("connection");
  const retry = () => connection.connect();
  if (state === "key") {
    $("model-name").textContent = "Locked";
    showNotice($("notices"), "connection", "This server wants an API key.", [], keyForm(retry));
    if (!$("message").value) $("notices").querySelector("input").focus();
  } else if (state === "failed") {
    $("model-name").textContent = "Not connected";
    const soon = `Trying again in ${connection.retryIn} s.`;
    showNotice($("notices"), "connection", `${connection.error.message} ${soon}`, [["Try now", retry]]);
  } else if (state === "ready") {
    $("model-select").replaceChildren(...models.map(({ id }) => h("option", { value: id }, id)));
    $("model-select").value = modelId();
    $("model-name").textContent = modelId() ?? "No model";
    $("model-name").title = $("model-name").textContent;
    $("empty-model").textContent = models.length ? `You are talking to ${modelId()}, on this server.` : "";
  }
  const several = state === "ready" && models.length > 1;
  $("model-select").hidden = !several;
  $("model-name").hidden = several;
  meter();
}

$("model-select").addEventListener("change", () => {
  settings.set("model", $("model-select").value);
  showConnection();
});

// ---- conversations ----

function startNew() {
  showSidebar(false);
  chat.startNew(settings.system);
  composer.focus();
}

function editLast() {
  const last = chat.messages().findLast((message) => message.role === "user");
  if (last) transcript.viewOf(last)?.edit();
}

function askToDelete(id) {
  const title = chat.conversations.get(id)?.title ?? "";
  confirmBy(`Delete “${title}”? It cannot be brought back.`, "Delete", () => {
    chat.remove(id);
    if (chat.current.id === id) startNew();
    if (chat.storage === "full") chat.save();
  });
}

function confirmBy(question, label, act) {
  const dialog = $("confirm");
  const close = () => dialog.close();
  const yes = () => {
    dialog.close();
    act();
  };
  dialog.replaceChildren(h("p", { id: "confirm-text" }, question), h("div", { class: "dialog-buttons" },
      h("button", { type: "button", class: "button", onclick: close, autofocus: true }, "Cancel"),
      h("button", { type: "button", class: "button danger", onclick: yes }, label)));
  dialog.showModal();
}

async function importFile(file) {
  try {
    const conversations = await readFile(file);
    chat.add(conversations);
    if (conversations.length) chat.open(conversations[0].id);
    clearNotice("import");
  } catch (error) {
    showNotice($("notices"), "import", error.message);
  }
}

// The address names the conversation, so that reloading shows it again.
function rememberInAddress() {
  const hash = chat.conversations.has(chat.current.id) ? `#${chat.current.id}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname + location.search);
}

// ---- keys, buttons, the list on narrow screens ----

function showSidebar(open) {
  document.body.classList.toggle("sidebar-open", open);
  $("open-sidebar").setAttribute("aria-expanded", String(open));
  if (open) $("close-sidebar").focus();
}

addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    startNew();
  } else if (event.key === "Escape") {
    if (document.body.classList.contains("sidebar-open")) {
      showSidebar(false);
      $("open-sidebar").focus();
    } else {
      chat.stop();
    }
  }
});

for (const dialog of document.querySelectorAll("dialog")) {
  // A click beside a dialog closes it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

$("new-conversation").addEventListener("click", startNew);
$("open-sidebar").addEventListener("click", () => showSidebar(true));
$("close-sidebar").addEventListener("click", () => showSidebar(false));
$("shade").addEventListener("click", () => showSidebar(false));
$("open-settings").addEventListener("click", () =>
    openSettings($("settings"), settings, chat.current.system, (text) => chat.setSystem(text), currentModel()));
$("export-all").addEventListener("click", () => download(chat.list()));
$("import").addEventListener("click", () => $("import-file").click());
$("import-file").addEventListener("change", () => {
  const [file] = $("import-file").files;
  $("import-file").value = "";
  if (file) importFile(file);
});
installThemeSwitch($("theme"), $("theme-name"));
$("suggestions").append(...SUGGESTIONS.map((text) => h("li", null, h("button", { type: "button", class: "suggestion", onclick: () => {
  composer.set(text);
  composer.focus();
} }, text))));

onForeignChange((id) => chat.reload(id));
addEventListener("hashchange", () => {
  if (location.hash.slice(1) !== chat.current.id) chat.open(location.hash.slice(1));
});
// What was written until the page is closed or hidden is kept. Leaving the page ends the answers, before the browser cuts
// their connections, which would look like an error.
addEventListener("beforeunload", () => chat.stopAll());
addEventListener("pagehide", () => chat.saveRunning());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) chat.saveRunning();
});

if (!chat.open(location.hash.slice(1))) chat.startNew(settings.system);
composer.focus();
connection.connect();
