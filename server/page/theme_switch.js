// The button that changes between the system's colours, light and dark.
const NAMES = { system: "System", light: "Light", dark: "Dark" };

export function installThemeSwitch(button, label) {
  const root = document.documentElement;
  const show = () => {
    const name = NAMES[root.dataset.theme ?? "system"];
    label.textContent = name;
    button.setAttribute("aria-label", `Colours: ${name}`);
    button.title = `Colours: ${name}`;
  };
  button.addEventListener("click", () => {
    const order = Object.keys(NAMES);
    const next = order[(order.indexOf(root.dataset.theme ?? "system") + 1) % order.length];
    if (next === "system") {
      delete root.dataset.theme;
    } else {
      root.dataset.theme = next;
    }
    try {
      localStorage.setItem("ttt.theme", next);
    } catch {
      // It lasts until the page is closed.
    }
    show();
  });
  addEventListener("storage", (event) => {
    if (event.key !== "ttt.theme") return;
    if (event.newValue === "light" || event.newValue === "dark") {
      root.dataset.theme = event.newValue;
    } else {
      delete root.dataset.theme;
    }
    show();
  });
  show();
}
