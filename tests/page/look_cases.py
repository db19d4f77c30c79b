"""Settings, screens, colours, keys of the keyboard, and the dashboard."""

from case import PageCase

CONTRAST = """
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(colour)) return colour;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!text || element.closest('[hidden], .symbols, noscript, .visually-hidden, .skip, :disabled') || !element.getClientRects().length) continue;
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) poor.push([element.className || element.tagName, element.textContent.slice(0, 30), contrast.toFixed(2)]);
  }
  return poor;
"""


class Settings(PageCase):
    def fill(self, name, text):
        self.tab.evaluate(f"document.getElementById('{name}').focus(); document.getElementById('{name}').select()")
        self.tab.type(text)

    def test_sampling_and_system_prompt(self):
        self.tab.click("#open-settings")
        for name, text in (("temperature", "0.5"), ("top_p", "0.9"), ("top_k", "40"), ("min_p", "0.05"),
                           ("max_completion_tokens", "2"), ("seed", "7")):
            self.fill(f"setting-{name}", text)
        self.tab.evaluate("{ const s = document.getElementById('thinking'); s.value = 'off'; s.dispatchEvent(new Event('change')); }")
        self.fill("system", "Be brief.")
        self.tab.click("#system-always")
        self.assertEqual(self.count(".hint.bad"), 0)
        self.screenshot("settings")
        self.tab.key("Escape")
        self.send("Hello")
        wanted = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "max_completion_tokens": 2, "seed": 7,
                  "chat_template_kwargs": {"enable_thinking": False}}
        request = self.requests[-1]
        self.assertEqual({name: request.get(name) for name in wanted}, wanted)
        self.assertEqual(request["messages"][0], {"role": "system", "content": "Be brief."})
        self.assertEqual(self.texts(".note > span"), ["The answer ended at the limit of tokens."])
        self.tab.reload()
        self.tab.key("k", ctrl=True)
        self.send("Hello")
        self.assertEqual(self.requests[-1], request)
        self.tab.click("#open-settings")
        self.press("Use the model's values", "#settings")
        self.tab.evaluate("document.getElementById('system-always').click()")
        self.tab.key("Escape")
        self.tab.key("k", ctrl=True)
        self.send("Hello")
        self.assertEqual(self.requests[-1]["messages"], [{"role": "user", "content": "Hello"}])
        self.assertFalse(set(wanted) & set(self.requests[-1]))

    def test_a_model_without_a_temperature_of_its_own(self):
        for fields, sent, shown in (({"default_sampling_params": {}}, 0.7, "0.7"),
                                    ({"default_sampling_params": {"temperature": 0.6}}, None, "0.6 (the model's)"),
                                    ({}, None, "server's")):
            with self.subTest(fields=fields):
                self.server.state.model_fields = fields
                self.tab.reload()
                self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
                self.tab.key("k", ctrl=True)
                self.send("Hello")
                self.assertEqual(self.requests[-1].get("temperature"), sent)
                self.tab.click("#open-settings")
                self.assertEqual(self.tab.evaluate("document.getElementById('setting-temperature').placeholder"), shown)
                self.tab.key("Escape")

    def test_a_wrong_value_is_said_and_not_sent(self):
        self.tab.click("#open-settings")
        self.fill("setting-temperature", "9")
        self.assertEqual(self.texts("#setting-temperature-help"), ["A number from 0 to 2"])
        self.assertEqual(self.tab.evaluate("document.getElementById('setting-temperature').getAttribute('aria-invalid')"), "true")
        self.tab.key("Escape")
        self.send("Hello")
        self.assertNotIn("temperature", self.requests[-1])


class Screens(PageCase):
    def overflow(self):
        """Elements that are wider than the screen and not inside something that scrolls."""
        return self.run_in_page("""return [...document.querySelectorAll('body *')].filter((e) => {
            const box = e.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1 && !e.closest('pre, .table, .sidebar, .symbols, .all-table, .visually-hidden, .skip');
          }).map((e) => e.className || e.tagName)""")

    def test_narrow(self):
        self.send("/markdown")
        self.send("/hostile")
        self.send("x" * 300 + " https://example.org/" + "y" * 300)
        for width in (320, 390):
            self.tab.size(width, 700, phone=True, scale=2)
            self.tab.wait_for("getComputedStyle(document.getElementById('sidebar')).visibility === 'hidden'")
            self.assertEqual(self.overflow(), [])
            self.assertLessEqual(self.tab.evaluate("document.scrollingElement.scrollWidth"), width)
        self.screenshot("narrow_chat")
        self.tab.click("#open-sidebar")
        self.tab.wait_for("document.getElementById('sidebar').getBoundingClientRect().left === 0")
        self.screenshot("narrow_list")
        self.tab.key("Escape")
        self.tab.wait_for("getComputedStyle(document.getElementById('sidebar')).visibility === 'hidden'")
        # On a phone Enter makes a line, and the button sends.
        self.tab.call("Emulation.setEmulatedMedia", features=[{"name": "hover", "value": "none"}, {"name": "pointer", "value": "coarse"}])
        count = len(self.requests)
        self.tab.click("#message")
        self.tab.type("By button")
        self.tab.click("#send")
        self.tab.wait_for("document.querySelector('.message:last-child .stats')")
        self.assertEqual(len(self.requests), count + 1)

    def test_narrow_dashboard(self):
        self.tab.size(320, 700, phone=True, scale=2)
        self.tab.open(f"{self.server.address}/dashboard")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.assertEqual(self.overflow(), [])

    def ground(self):
        return self.tab.evaluate("getComputedStyle(document.body).backgroundColor")

    def test_dark_and_light(self):
        self.send("/markdown")
        self.send("/think")
        light = self.ground()
        self.assertEqual(self.run_in_page(CONTRAST), [])
        self.tab.colours("dark")
        dark = self.ground()
        self.assertNotEqual(light, dark)
        self.assertEqual(self.run_in_page(CONTRAST), [])
        self.screenshot("dark")
        self.tab.click("#theme")  # light
        self.assertEqual(self.ground(), light)
        self.tab.reload()
        self.assertEqual(self.ground(), light)
        self.tab.click("#theme")  # dark
        self.tab.colours("light")
        self.assertEqual(self.ground(), dark)
        self.tab.click("#theme")  # the system's
        self.assertEqual(self.ground(), light)

    def test_everything_has_a_name(self):
        self.send("/markdown")
        self.send("/think")
        self.tab.click("#open-settings")
        self.check_names()
        self.tab.key("Escape")
        self.check_names()
        self.tab.open(f"{self.server.address}/dashboard")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.check_names()

    def check_names(self):
        controls = {"button", "link", "textbox", "spinbutton", "combobox", "checkbox", "searchbox", "dialog"}
        nodes = self.tab.call("Accessibility.getFullAXTree")["nodes"]
        nameless = [node["role"]["value"] for node in nodes if not node.get("ignored") and node.get("role", {}).get("value") in controls
                    and not node.get("name", {}).get("value")]
        self.assertEqual(nameless, [])
        self.assertGreater(sum(node.get("role", {}).get("value") in controls for node in nodes), 3)

    def test_focus_is_visible(self):
        outline = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || " \
                  "getComputedStyle(document.activeElement.closest('.composer') ?? document.body).boxShadow.includes('3px'); })()"
        self.send("Hello")
        for _ in range(12):
            self.tab.key("Tab")
            what = self.tab.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName")
            if what != "BODY":
                self.assertTrue(self.tab.evaluate(outline), what)


class Dashboard(PageCase):
    def test_plots(self):
        self.send("Something to count")
        self.tab.open(f"{self.server.address}/dashboard")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.server.state.generated += 100
        value = "document.querySelector('section[aria-label=\"{}\"] .value').textContent"
        self.tab.wait_for(f"parseFloat({value.format('Generated tokens per second')}) > 20")
        self.assertEqual(self.tab.evaluate(value.format("Requests")), "0 waiting 0")
        self.tab.wait_for("document.querySelector('section[aria-label=Requests] .line').getAttribute('d').includes('L')")
        self.tab.click("#all summary")
        self.tab.wait_for("document.getElementById('rows').textContent.includes('ttt_generation_tokens_total')")
        self.press("Pause")
        self.assertEqual(self.texts("#status"), ["Paused"])

    def test_quantiles_and_growth(self):
        result = self.run_in_page("""
            const { growth, parseMetrics, quantiles, total } = await import('/page/prometheus.js');
            const text = (a, b, c, count) => parseMetrics(`# HELP h Some\\\\ntext\\n# TYPE h histogram\\nh_bucket{le="1",x="a\\\\"}"} ${a}
h_bucket{le="2",x="a\\\\"}"} ${b}\\nh_bucket{le="+Inf",x="a\\\\"}"} ${c}\\nh_sum 1\\nh_count ${c}\\n# TYPE n counter\\nn{a="1"} ${count}\\nn{a="2"} 1e1\\n`);
            const [before, now] = [text(10, 10, 10, 5), text(10, 20, 20, 8)];
            return [quantiles(before, now, 'h', [0.5, 1]), quantiles(now, now, 'h', [0.5]), quantiles(before, text(10, 10, 20, 5), 'h', [0.5]),
                    growth(before, now, 'n'), growth(now, text(0, 0, 0, 1), 'n'), total(now, 'n'), total(now, 'none'),
                    now.get('h').help, now.get('h').samples[0].labels.x];""")
        self.assertEqual(result, [[1.5, 2], [None], [2], 3, 11, 18, None, "Some\ntext", 'a"}'])
