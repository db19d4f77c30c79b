// The system prompt of a conversation, and the sampling of all of them.
import { h, iconButton } from "./dom.js";
import { loadSettings, saveSettings } from "./store.js";

// An empty field is not sent: the server then uses the model's own value. Where the model has none for the temperature, the
// server takes 1 as the API says, which makes small models ramble; the page then asks for this.
const USUAL_TEMPERATURE = 0.7;

const FIELDS = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: "0.05", help: "0 always takes the likeliest token" },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: "0.01", help: "Only the likeliest tokens that add up to p" },
  { name: "top_k", label: "Top k", min: 0, max: 1000000, step: "1", help: "Only the k likeliest tokens; 0: all", whole: true },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: "0.01", help: "Only tokens at least p times as likely as the likeliest" },
  { name: "max_completion_tokens", label: "Most tokens", min: 1, max: 10000000, step: "1", help: "Of one answer", whole: true },
  { name: "seed", label: "Seed", min: 0, max: Number.MAX_SAFE_INTEGER, step: "1", help: "The same seed, the same answer", whole: true },
];

export class Settings {
  constructor() {
    this.values = loadSettings();
  }

  // The fields of a request to a model, which is as the server describes it.
  parameters(model) {
    const result = {};
    const own = model?.default_sampling_params;
    if (own && own.temperature === undefined) result.temperature = USUAL_TEMPERATURE;
    for (const { name, min, max } of FIELDS) {
      const value = this.values[name];
      if (typeof value === "number" && value >= min && value <= max) result[name] = value;
    }
    if (this.values.thinking === "on") result.chat_template_kwargs = { enable_thinking: true };
    if (this.values.thinking === "off") result.chat_template_kwargs = { enable_thinking: false };
    return result;
  }

  // The system prompt of new conversations.
  get system() {
    return typeof this.values.system === "string" ? this.values.system : "";
  }

  set(name, value) {
    if (value === null || value === "") {
      delete this.values[name];
    } else {
      this.values[name] = value;
    }
    saveSettings(this.values);
  }

  get model() {
    return typeof this.values.model === "string" ? this.values.model : null;
  }
}

// `system`: of the conversation; `onSystem` takes a new one. `model` is as the server describes it.
export function openSettings(dialog, settings, system, onSystem, model) {
  const close = () => dialog.close();
  const prompt = h("textarea", { id: "system", rows: "4", placeholder: "None" });
  prompt.value = system;
  const always = h("input", { type: "checkbox", id: "system-always" });
  always.checked = settings.system !== "" && settings.system === system;
  const takeSystem = () => {
    onSystem(prompt.value);
    if (always.checked) {
      settings.set("system", prompt.value);
    } else if (settings.system === prompt.value) {
      settings.set("system", "");
    }
  };
  prompt.addEventListener("change", takeSystem);
  always.addEventListener("change", takeSystem);

  const thinking = h("select", { id: "thinking" }, h("option", { value: "" }, "As the model does"),
                     h("option", { value: "on" }, "On"), h("option", { value: "off" }, "Off"));
  thinking.value = settings.values.thinking ?? "";
  thinking.addEventListener("change", () => settings.set("thinking", thinking.value));

  const inputs = FIELDS.map((field) => numberField(field, settings, placeholderOf(field, model)));
  const reset = () => {
    for (const { input, field } of inputs) {
      input.value = "";
      input.setCustomValidity("");
      settings.set(field.name, null);
    }
    thinking.value = "";
    settings.set("thinking", null);
  };
  dialog.replaceChildren(
      h("div", { class: "dialog-head" }, h("h2", { id: "settings-title" }, "Settings"), iconButton("close", "Close", {}, close)),
      h("div", { class: "dialog-body" },
        h("section", null, h("h3", null, "This conversation"),
          h("label", { for: "system" }, "System prompt"), prompt,
          h("label", { class: "check" }, always, " Also for new conversations")),
        h("section", null, h("h3", null, "Sampling"),
          h("p", { class: "hint" }, "For all conversations. An empty field leaves the value to the model."),
          h("div", { class: "fields" }, inputs.map(({ row }) => row),
            h("div", { class: "field" }, h("label", { for: "thinking" }, "Thinking"), thinking,
              h("span", { class: "hint" }, "Of models that can reason first"))),
          h("button", { type: "button", class: "button", onclick: reset }, "Use the model's values")),
        h("section", null, h("h3", null, "Keys"), shortcuts())));
  dialog.showModal();
}

function placeholderOf({ name }, model) {
  const own = model?.default_sampling_params;
  if (own?.[name] !== undefined) return `${own[name]} (the model's)`;
  if (own && name === "temperature") return String(USUAL_TEMPERATURE);
  return name === "seed" ? "random" : "server's";
}

function numberField(field, settings, placeholder) {
  const id = `setting-${field.name}`;
  const input = h("input", { type: "number", id, min: field.min, max: field.max, step: field.step, placeholder,
                             inputmode: field.whole ? "numeric" : "decimal", "aria-describedby": `${id}-help` });
  input.value = settings.values[field.name] ?? "";
  const error = h("span", { class: "hint", id: `${id}-help` }, field.help);
  const take = () => {
    const value = input.valueAsNumber;
    const inRange = value >= field.min && value <= field.max && (!field.whole || Number.isInteger(value));
    const bad = input.value === "" ? input.validity.badInput : !inRange;
    error.classList.toggle("bad", bad);
    error.textContent = bad ? `A ${field.whole ? "whole " : ""}number from ${field.min} to ${field.max}` : field.help;
    input.setAttribute("aria-invalid", String(bad));
    if (!bad) settings.set(field.name, input.value === "" ? null : value);
  };
  input.addEventListener("input", take);
  return { row: h("div", { class: "field" }, h("label", { for: id }, field.label), input, error), input, field };
}

function shortcuts() {
  const rows = [["Enter", "Send"], ["Shift Enter", "New line"], ["Esc", "Stop the answer"], ["Ctrl K", "New conversation"],
                ["↑", "Edit the last message, from an empty field"]];
  return h("dl", { class: "keys" }, rows.map(([keys, what]) => [
    h("dt", null, keys.split(" ").map((key) => h("kbd", null, key))), h("dd", null, what)]));
}
