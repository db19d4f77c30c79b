"""Markdown: what it looks like, while it arrives and when it is hostile."""

import json

import fake_server
from case import PageCase

IMPORTS = "const { MarkdownView } = await import('/page/markdown.js');"


class Markdown(PageCase):
    def html(self, text, open_=False):
        return self.run_in_page(f"{IMPORTS} const e = document.createElement('div');"
                                f"new MarkdownView(e).update({json.dumps(text)}, {json.dumps(open_)}); return e.innerHTML;")

    def test_elements(self):
        cases = {
            "a *b* **c** ***d*** ~~e~~": "<p>a <em>b</em> <strong>c</strong> <em><strong>d</strong></em> <del>e</del></p>",
            "snake_case and 2 * 3 * 4": "<p>snake_case and 2 * 3 * 4</p>",
            "`<b>` and ``a`b``": "<p><code>&lt;b&gt;</code> and <code>a`b</code></p>",
            "# One\n###### Six": '<h3 class="level-1">One</h3><h6 class="level-6">Six</h6>',
            "a\nb\n\nc": "<p>a<br>b</p><p>c</p>",
            "- a\n  - b\n- c": "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul>",
            "3. a\n4. b": '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>',
            "1. a\n\n   b\n2. c": "<ol><li><p>a</p><p>b</p></li><li><p>c</p></li></ol>",
            "> a\nb\n\nc": "<blockquote><p>a<br>b</p></blockquote><p>c</p>",
            "a\n\n---\n": "<p>a</p><hr>",
            "a &lt; b &amp;amp; \\*": "<p>a &lt; b &amp;amp; *</p>",
            "It was\n1986. Then": "<p>It was<br>1986. Then</p>",
        }
        for text, wanted in cases.items():
            with self.subTest(text):
                self.assertEqual(self.html(text), wanted)

    def test_links(self):
        link = '<a href="{0}" title="{0}" target="_blank" rel="noopener noreferrer nofollow">{1}</a>'
        self.assertEqual(self.html("[x](https://a.example/b_(c) \"t\")"),
                         "<p>" + link.format("https://a.example/b_(c)", "x") + "</p>")
        self.assertEqual(self.html("see http://a.example/b."), "<p>see " + link.format("http://a.example/b", "http://a.example/b") + ".</p>")
        self.assertEqual(self.html("![alt](https://a.example/i.png)"), "<p>" + link.format("https://a.example/i.png", "alt") + "</p>")
        for target in ("javascript:x", "JAVASCRIPT:x", "data:text/html,x", "vbscript:x", "file:///x", "//a.example", "x.html", "\\x01javascript:x"):
            with self.subTest(target):
                self.assertEqual(self.html(f"[x]({target})"), '<p><span class="no-link">x</span></p>')

    def test_code_and_tables(self):
        html = self.html("```c++\nint a = 1; // <b>\n```")
        self.assertIn('<span>c++</span>', html)
        self.assertIn('<span class="code-word">int</span> a = <span class="code-number">1</span>; '
                      '<span class="code-comment">// &lt;b&gt;</span></code>', html)
        html = self.html("| a | b |\n|:--|--:|\n| 1 | `x\\|y` |\n| 2 |")
        self.assertIn('<tr><td class="align-start">1</td><td class="align-end"><code>x|y</code></td></tr>', html)
        self.assertIn('<tr><td class="align-start">2</td><td class="align-end"></td></tr>', html)

    def test_unfinished_text_does_not_flicker(self):
        """At every prefix: no mark that will become markup shows as text, and what is shown only ever grows."""
        result = self.run_in_page(f"""{IMPORTS}
            const text = {json.dumps(fake_server.MARKDOWN)};
            const live = document.createElement('div'), view = new MarkdownView(live), problems = [];
            let before = '', kinds = [], first = null;
            for (let end = 1; end <= text.length; ++end) {{
              view.update(text.slice(0, end), true);
              const shown = live.textContent;
              const now = [...live.children].map((e) => e.tagName);
              if (/\\*\\*|~~|```|\\]\\(|^#|\\| *-/m.test(shown)) problems.push(['mark', text.slice(0, end).slice(-20), shown.slice(-40)]);
              if (now.length < kinds.length) problems.push(['fewer blocks', text.slice(0, end).slice(-20)]);
              if (kinds.some((kind, i) => kind !== now[i])) problems.push(['kind', kinds.join(), now.join(), text.slice(0, end).slice(-20)]);
              first ??= live.firstElementChild;
              if (live.firstElementChild !== first) problems.push(['replaced', end]);
              kinds = now;
            }}
            view.update(text, false);
            const whole = document.createElement('div');
            new MarkdownView(whole).update(text, false);
            return {{ problems, same: live.isEqualNode(whole) }};""")
        self.assertEqual(result, {"problems": [], "same": True})

    def test_any_prefixes_end_as_the_whole_does(self):
        texts = [fake_server.MARKDOWN, fake_server.HOSTILE, "a\r\n\r\n- b\r\n- c\r\n\r\n```\r\nx\r\n```\r\nend",
                 "1. a\n\n\n2. b\n```\nc\n```\n3. d\n\n> e\n\n> f\n\n| g |\n|---|\n| h |\ni\n\nj\n---\n\n***\n- - k\n* l\n+ m"]
        same = self.run_in_page(f"""{IMPORTS}
            return {json.dumps(texts)}.map((text) => [1, 3, 7].every((step) => {{
              const live = document.createElement('div'), view = new MarkdownView(live);
              for (let end = 0; end < text.length; end += step) view.update(text.slice(0, end), true);
              view.update(text, false);
              const whole = document.createElement('div');
              new MarkdownView(whole).update(text, false);
              return live.isEqualNode(whole);
            }}));""")
        self.assertEqual(same, [True] * len(texts))

    def test_text_made_to_be_slow(self):
        bad = ["*a " * 20000, "a* " * 20000, "[" * 20000, "`a ``b " * 10000, "> " * 20000 + "x", "- " * 20000 + "x", "[a](" * 5000,
               "**a _b ~~c " * 8000, "|" * 20000 + "\n" + "|-" * 20000, "https://" + "a)" * 20000, "&" * 20000, "<" * 20000,
               "![" * 8000, "[a](<" * 5000, "``` " + "`" * 30000, "# " + "a #" * 10000, "\n".join("> " * i for i in range(200))]
        slow = self.run_in_page(f"""{IMPORTS}
            const slow = [];
            for (const text of {json.dumps(bad)}) {{
              const begin = performance.now();
              new MarkdownView(document.createElement('div')).update(text, true);
              if (performance.now() - begin > 3000) slow.push([text.slice(0, 20), performance.now() - begin]);
            }}
            return slow;""")
        self.assertEqual(slow, [])

    def test_hostile_text_is_text(self):
        self.send("/hostile")
        self.send(fake_server.HOSTILE.split("\n")[0])  # echoed, and in the bubble
        self.send("<img src=x onerror='window.attacked = 20'>")
        self.tab.click(".row .open")  # its title comes from the user's text
        self.assertIsNone(self.tab.evaluate("window.attacked ?? null"))
        inside = "#transcript :is(script, img, iframe, style, svg:not(.icon), object, embed, form, meta, link, base)"
        self.assertEqual(self.count(inside), 0)
        self.assertEqual(self.tab.evaluate("[...document.querySelectorAll('#transcript *')].filter((e) => [...e.attributes]"
                                           ".some((a) => a.name.startsWith('on'))).length"), 0)
        links = self.tab.evaluate("[...document.querySelectorAll('#transcript a')].map((a) => [a.protocol, a.rel, a.target])")
        self.assertGreaterEqual(len(links), 2)
        for link in links:
            self.assertEqual(link, ["https:", "noopener noreferrer nofollow", "_blank"])
        text = self.tab.evaluate("document.querySelector('.message.assistant .body > .markdown').textContent")
        for wanted in ("<script>window.attacked = 1</script>", '<img src=x onerror="window.attacked = 2">', "<iframe srcdoc=",
                       "</code></pre><script>", "<style>*{display:none}</style>", "<script>window.attacked=15</script>"):
            self.assertIn(wanted, text)

    def test_the_policy_is_in_force(self):
        """Scripts and styles in markup do not run, so the tests above would also fail if text became markup silently."""
        blocked = self.run_in_page("""
            const seen = [];
            addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
            const script = document.createElement('script');
            let trusted = false;
            try { script.textContent = 'window.attacked = 30'; } catch { trusted = true; }
            try { document.createElement('div').innerHTML = '<b>x</b>'; } catch { seen.push('innerHTML'); }
            const style = document.createElement('style');
            style.textContent = 'body { display: none }';
            document.head.append(style);
            await new Promise((resolve) => setTimeout(resolve, 100));
            return [trusted, seen.includes('innerHTML'), seen.some((d) => d.startsWith('style-src')), window.attacked ?? null];""")
        self.assertEqual(blocked, [True, True, True, None])
        self.tab.complaints = [c for c in self.tab.complaints if "Content Security Policy" not in c and "TrustedHTML" not in c
                               and "TrustedScript" not in c and "Trusted" not in c]
