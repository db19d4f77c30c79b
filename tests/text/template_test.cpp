#include "text/template/template.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ttt {
namespace {

Rendered rendered(const std::string& source, const std::string& request = "{}", const Json& trusted = {},
                  const TemplateLimits& limits = {}) {
  return Template::parse(source, "chat", limits).render(Json::parse(request, "request"), trusted);
}

void expect_error(ErrorKind kind, const std::string& message, const std::string& source,
                  const std::string& request = "{}", const TemplateLimits& limits = {}) {
  try {
    const Rendered r = rendered(source, request, {}, limits);
    ADD_FAILURE() << source.substr(0, 100) << " gave " << r.text.substr(0, 100);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_EQ(std::string(e.what()).substr(0, message.size()), message);
  }
}

// The text with [ ] around what came from the request.
std::string marked(const Rendered& r) {
  std::string out = r.text;
  for (auto part = r.input.rbegin(); part != r.input.rend(); ++part) {
    out.insert(part->end, "]");
    out.insert(part->begin, "[");
  }
  return out;
}

TEST(Template, ErrorsNameLineAndReason) {
  const ErrorKind bad = ErrorKind::kBadData;
  expect_error(bad, "chat line 2: Encountered unknown tag 'nope'", "a\n{% nope %}");
  expect_error(bad, "chat line 3: Stop: 5", "\n\n{{ raise_exception('Stop: ' ~ 5) }}");
  expect_error(bad, "chat line 2: 'x' is undefined", "\n{{ x.y }}");
  expect_error(bad, "chat line 1: 'dict object' has no attribute 'y'", "{{ d.y.z }}", R"({"d": {}})");
  expect_error(bad, "chat line 2: division by zero", "{% if true %}\n{{ 1 / 0 }}{% endif %}");
  expect_error(bad, "chat line 4: inside",
               "{% macro m() %}\n\n\n{{ raise_exception('inside') }}{% endmacro %}\n{{ m() }}");
  expect_error(bad, "chat line 2: the result of 9223372036854775807 + 1 is beyond 64 bits",
               "\n{{ 9223372036854775807 + 1 }}");
  expect_error(bad, "chat line 1: access to attribute 'append' of 'list' object is unsafe.", "{{ [].append(1) }}");
  expect_error(ErrorKind::kUnsupported, "chat line 2: No filter named 'nope'.", "\n{{ 1 | nope }}");
  expect_error(ErrorKind::kUnsupported, "chat line 2: No test named 'nope'.", "\n{{ 1 is nope }}");
  expect_error(ErrorKind::kUnsupported, "chat line 1: {% include %} needs other templates", "{% include 'x' %}");
  expect_error(ErrorKind::kUnsupported, "chat line 1: the method encode of strings", "{{ 'a'.encode() }}");
}

TEST(Template, LimitsCanBeSet) {
  const ErrorKind bad = ErrorKind::kBadData;
  const std::string recursion = "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(9) }}";
  EXPECT_EQ(rendered(recursion, "{}", {}, {.depth = 10}).text, "");
  expect_error(bad, "chat line 1: calls are nested deeper than 9", recursion, "{}", {.depth = 9});
  const std::string loop = "{% for i in range(100) %}a{% endfor %}";
  EXPECT_EQ(rendered(loop).text, std::string(100, 'a'));
  expect_error(bad, "chat line 1: the template takes more than 200 steps", loop, "{}", {.steps = 200});
  expect_error(bad, "chat line 1: the result is longer than 50 characters", loop, "{}", {.output = 50});
  expect_error(bad, "chat: a template wanted at most 10 bytes, got 38", loop, "{}", {.source = 10});
  EXPECT_EQ(rendered("{{ range(100000) | length }}").text, "100000");
  expect_error(bad, "chat line 1: Range too big.", "{{ range(100001) }}");
}

TEST(Template, HostileTemplatesEndSoon) {
  const auto repeated = [](std::string_view s, int n) {
    std::string all;
    for (int i = 0; i < n; ++i) all += s;
    return all;
  };
  const std::string grow =
      "{% set ns = namespace(s=(1,)) %}{% for i in range(150) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}";
  const std::vector<std::string> sources{
      repeated("{% if true %}", 100000),
      repeated("{% for i in [1] %}", 100000),
      "{{ " + repeated("(", 100000),
      "{{ " + repeated("[", 1000) + repeated("]", 1000) + " }}",
      "{{ " + repeated("not ", 100000) + "1 }}",
      "{{ " + repeated("-", 100000) + "1 }}",
      "{{ 1" + repeated("+1", 100000) + " }}",
      "{{ 1" + repeated("|string", 100000) + " }}",
      "{{ a" + repeated(".b", 100000) + " }}",
      "{% if a %}" + repeated("{% elif b %}", 100000) + "{% endif %}",
      "{{ 'a' * 10**12 }}",
      "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(1000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
      grow + "{{ ns.s }}",
      grow + "{{ ns.s == ns.s }}",
      grow + "{{ {}[ns.s] }}",
      "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
      "{% for i in range(10**9) %}{% endfor %}",
      "{% for i in range(100000) %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      // Calls that stand deep within expressions and blocks take more of the stack.
      "{% macro m() %}{{ m()" + repeated("+1", 900) + " }}{% endmacro %}{{ m() }}",
      "{% macro m() %}{{ m()" + repeated("|string", 900) + " }}{% endmacro %}{{ m() }}",
      "{% macro m() %}" + repeated("{% if true %}", 150) + "{{ m() }}" + repeated("{% endif %}", 150) +
          "{% endmacro %}{{ m() }}",
      "{% macro m(a=m()) %}{% endmacro %}{{ m() }}",
      "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(100) }}",
      "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
      "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% block b %}{{ self.b() }}{% endblock %}",
      "{{ 'a'.center(10**12) }}",
      "{{ 'a' | center(10**15) }}",
      "{{ 'a'.ljust(9223372036854775807) }}",
      "{{ '\\t'.expandtabs(9223372036854775807) }}",
      "{{ ('a\\n' * 1000000) | indent(1000000) }}",
      "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
      "{{ ('a' * 1000000) | replace('', 'b' * 1000000) }}",
      "{{ (['a'] * 100000) | join('b' * 100000) }}",
      "{{ '%99999999999d' % 1 }}",
      "{{ '{:99999999999}'.format(1) }}",
      "{{ [[[1]]] | tojson(indent=100000000) }}",
      "{{ ([1] * 100000) | tojson(separators=('x' * 1000000, 'y')) }}",
      "{{ [1] | batch(10**10, 'x') | list }}",
      "{{ 3 ** 9223372036854775807 }}",
      "{% set a = 'a' * 10000000 %}{% for i in range(100000) %}{% if a == a %}{% endif %}{% endfor %}",
      "{% for i in range(1000) %}{{ loop.cycle(*range(100000)) }}{% endfor %}",
  };
  for (const std::string& source : sources) {
    SCOPED_TRACE(source.substr(0, 120));
    EXPECT_THROW(rendered(source), Error);
  }
  // These come to their end; in time that is quadratic in the text they would take minutes.
  EXPECT_EQ(rendered("{{ ('a' * 1000000).find('a' * 500000 ~ 'b') }}").text, "-1");
  EXPECT_EQ(rendered("{{ ('<' * 1000000) | striptags | length }}").text, "1000000");
  EXPECT_EQ(rendered("{{ ('a' * 100000).strip('b' * 100000 ~ 'a') }}").text, "");
  EXPECT_EQ(rendered("{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}").text, "a");
}

TEST(Template, InputIsMarkedThroughEveryOperation) {
  const std::string request = R"({"s": "ab c", "l": ["x", "y"], "d": {"k": "v"}, "n": 5})";
  const auto of = [&](const std::string& source) { return marked(rendered(source, request)); };
  EXPECT_EQ(of("<{{ s }}>"), "<[ab c]>");
  EXPECT_EQ(of("{{ '<' + s + '>' ~ s }}"), "<[ab c]>[ab c]");
  EXPECT_EQ(of("{{ s | upper }}{{ s.title() }}{{ s[0] }}{{ s | reverse }}"), "[AB CAb Cac ba]");
  EXPECT_EQ(of("{{ s.split(' ') | join('-') }}"), "[ab]-[c]");
  EXPECT_EQ(of("{{ s | replace('b', '<b>') }}"), "[a]<b>[ c]");
  EXPECT_EQ(of("{{ '%s!' % s }}{{ '<{}>'.format(s) }}"), "[ab c]!<[ab c]>");
  EXPECT_EQ(of("{{ l }}{{ l | tojson }}"), "['[x]', '[y]'][\"[x]\", \"[y]\"]");
  EXPECT_EQ(of("{{ d | tojson }}"), R"({"[k]": "[v]"})");
  EXPECT_EQ(of("{% macro m(x) %}({{ x }}){% endmacro %}{{ m(s) }}"), "([ab c])");
  EXPECT_EQ(of("{% set t %}<{{ s }}>{% endset %}{{ t }}{% filter upper %}a{{ s }}{% endfilter %}"), "<[ab c]>A[AB C]");
  EXPECT_EQ(of("{{ n }}{{ s | length }}{{ 'k' if d.k == 'v' }}"), "54k");
  EXPECT_EQ(of("{{ s.center(8, '*') }}{{ s | indent(2, true) }}"), "**[ab c]**  [ab c]");
  // Roles name control tokens; the rest of a message does not.
  const std::string messages = R"({"messages": [{"role": "user", "content": "c"}, {"role": "<|x|>", "content": "d"}]})";
  EXPECT_EQ(marked(rendered("{% for m in messages %}{{ m.role }}:{{ m.content }} {% endfor %}", messages)),
            "user:[c] [<|x|>]:[d] ");
  EXPECT_EQ(marked(rendered("{{ bos_token }}{{ x }}", R"({"x": "y"})", Json::parse(R"({"bos_token": "<s>"})", ""))),
            "<s>[y]");
}

TEST(Template, LiteralsAreTextAndStrings) {
  const std::string all =
      Template::parse("a{% if x == 'b' %}c{% endif %}{{ f('d', k='e') | replace('g', 'h') }}", "t").literals();
  for (const char* s : {"a", "b", "c", "d", "e", "g", "h"}) EXPECT_NE(all.find(s), std::string::npos) << s;
}

}  // namespace
}  // namespace ttt
