// Building of document nodes. Text always becomes a text node, so nothing that a model or a user wrote is ever markup.

// h("a", {href: "x", class: "y", onclick: f, hidden: true}, child, "text", [more children], null)
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else {
      element.setAttribute(name, String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) {
      append(element, child);
    } else {
      element.append(child);  // a string becomes a text node
    }
  }
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, properties, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties ?? {})) element.setAttribute(name, String(value));
  append(element, children);
  return element;
}

// One of the symbols in index.html.
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#icon-${name}` }));
}

export function iconButton(name, label, properties, onclick) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...properties, onclick },
           icon(name));
}

// Makes `node` equal to `wanted` by the smallest changes, so that what is unchanged keeps its selection, its scroll
// position and its focus. Returns the node that is now in the document. Listeners are not compared.
export function morph(node, wanted) {
  if (node.nodeType !== wanted.nodeType || node.nodeName !== wanted.nodeName) {
    node.replaceWith(wanted);
    return wanted;
  }
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) {
      if (wanted.data.startsWith(node.data)) {
        node.appendData(wanted.data.slice(node.data.length));
      } else {
        node.data = wanted.data;
      }
    }
    return node;
  }
  for (const { name } of [...node.attributes]) {
    if (!wanted.hasAttribute(name)) node.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  const now = [...node.childNodes];
  const then = [...wanted.childNodes];
  then.forEach((child, i) => (i < now.length ? morph(now[i], child) : node.append(child)));
  now.slice(then.length).forEach((child) => child.remove());
  return node;
}

// Copies text; also where the page is not a secure context (plain http from another machine).
export async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Without permission the older way may still work.
    }
  }
  const field = h("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  field.value = text;
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}

// Shows for a moment that what the button does was done.
export function confirmOn(button, done) {
  const before = button.getAttribute("aria-label") ?? "";
  button.classList.toggle("done", done);
  button.setAttribute("aria-label", done ? "Copied" : "Could not copy");
  setTimeout(() => {
    button.classList.remove("done");
    button.setAttribute("aria-label", before);
  }, 1500);
}
