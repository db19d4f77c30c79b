"""Templates and expressions that try every part of the language, each with the variables that they are rendered with."""

DATA = {
    "n": 7, "zero": 0, "minus": -3, "x": 2.5, "big": 1e20, "tiny": 1.5e-7, "yes": True, "no": False, "none": None,
    "nothing": None, "s": "Hello World", "empty": "", "spaces": " \t a b  c\n", "lines": "one\ntwo\r\nthree\n\nfour",
    "u": "Straße ÄÖÜ éà 世界 🙂", "html": "<a href=\"x\">T & 'q'</a>", "digits": "42", "hex": "0x1F", "float": " 3.75 ",
    "l": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple", "Banana"], "mixed": [1, "a", None, True, 2.5, [1], {"k": 1}],
    "nested": {"a": {"b": [10, 20, {"c": "deep"}]}, "items": "shadow", "0": "zero"}, "d": {"b": 2, "a": 1, "C": 3},
    "people": [{"name": "Ann", "age": 30, "city": "Rom"}, {"name": "bob", "age": 25, "city": "rom"},
               {"name": "Cy", "age": 30, "city": "Ulm"}, {"name": "Di", "city": "Ulm"}],
    "empty_list": [], "empty_dict": {}, "long": "The quick brown fox jumps over the lazy dog and runs away from it.",
}
ITEMS = {"items": ["a", "b", "c"], "pairs": [["x", 1], ["y", 2]], "deep": [[1, [2, 3]], [4, [5, 6]]], "d": {"k": "v", "l": "w"}}
TREE = {"tree": [{"name": "root", "children": [{"name": "left", "children": [{"name": "leaf"}]}, {"name": "right"}]},
                 {"name": "other"}]}

LANGUAGE = []


def template(name, source, *inputs):
    LANGUAGE.append((name, source, inputs or ({},)))


# ---- white space ----------------------------------------------------------------------------------------------------
template("blocks trim their line", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n\n")
template("signs of white space", "a  \n {%- if true -%} \n b \n {%- endif -%} \n c {{- ' d ' -}} \n e {#- f -#} \n g")
template("plus keeps white space", "a\n  {%+ if true +%}\n  b\n  {%+ endif %}\n  {#+ x +#}\nc {{+ 'd' }} {{+ 3 }}\n")
template("a block behind text keeps its space", "x   {% if true %}\n   y  {% endif %}  z\n\t {% set a = 1 %}\n{{ a }}  \n")
template("comments", "a{# one #}\nb {# two\nlines #} c\n   {# whole line #}\nd{#- e #}\n\n\nf {#-#} g{##}\nh")
template("newlines of every kind", "a\r\nb\rc\n{% if true %}\r\nd{% endif %}\re\r\n")
template("one newline at the end goes", "x\n\n\n")
template("only a newline", "\n")
template("nothing", "")
template("raw", "{% raw %}{{ a }}{% if %}{# c #}{% endraw %}\nb\n  {%- raw -%}  {{ c }}  {%- endraw -%}  d\n{% raw +%}\ne\n{% endraw +%}\nf")
template("raw at the very end", "a{% raw %}")
template("raw at the very end, signed", "a {%- raw -%}  \n ")
template("raw with more behind it", "a{% raw %}b")
template("comment at the very end", "a{#")
template("comment at the very end, signed", "a {#-")
template("comment with more behind it", "a{# b")
template("braces in text", "{ { a } } {a} }} %} #} { % if % } {\n{", {"a": 1})
template("strings with tags in them", "{{ '}}' }}{{ \"{%\" }}{{ '%}' ~ '#}' }}{% set x = '%}' %}{{ x }}{{ {'a': {'b': 1}}['a']['b'] }}")
template("escapes of strings", r"""{{ 'a\n\t\\\'\"\x41\u00e9\U0001f642\101\q' }}{{ "it's" }}{{ 'say "x"' }}{{ 'two ' 'parts' }}{{ 'line\
end' }}""")
template("line ends within tags", "{{\n  1\n  +\n  2\n}}{%\nif\ntrue\n%}x{%\nendif\n%}")
template("a block in a line", "{% for i in [1, 2] %}\n  {% if i %}\n    {{ i }}\n  {% endif %}\n{% endfor %}\nend")
template("white space that is not ASCII", "a\u00a0{%- if true -%}\u2003b\u00a0{% endif %}\u3000\n\u00a0\u00a0{% if true %}c{% endif %}")

# ---- statements -----------------------------------------------------------------------------------------------------
template("loop variables", """\
{% for i in items %}
{{ loop.index }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.first }} {{ loop.last }} {{ loop.length }} {{ loop.depth }} {{ loop.depth0 }} {{ loop.previtem }} {{ loop.nextitem }} {{ loop.previtem is defined }} {{ loop.nextitem is defined }} {{ loop.cycle('odd', 'even') }} {{ loop.changed(i == 'b') }}
{% endfor %}
""", ITEMS, {"items": ["only"]}, {"items": {"k": 1}}, {"items": "ab"})
template("targets", """\
{% for a, b in pairs %}{{ a }}={{ b }};{% endfor %}
{% for (a, b) in pairs %}{{ a }}={{ b }};{% endfor %}
{% for ((a, b)) in pairs %}{{ a }}={{ b }};{% endfor %}
{% for a, (b, c) in deep %}{{ a }}{{ b }}{{ c }};{% endfor %}
{% for (a, (b, c)) in deep %}{{ a }}{{ b }}{{ c }};{% endfor %}
{% for (a) in items %}{{ a }}{% endfor %}
{% for (a,) in [[1], [2]] %}{{ a }}{% endfor %}
{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}
{% set (p, q) = (1, 2) %}{{ p }}{{ q }}{% set (p) = (1, 2) %}{{ p }}
{% set p, q = q, p %}{{ p }}{{ q }}
{% set (p, (q, r)) = (1, (2, 3)) %}{{ p }}{{ q }}{{ r }}
{% with (a, b) = (4, 5), c = 6 %}{{ a }}{{ b }}{{ c }}{% endwith %}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}
""", ITEMS)
template("a target with a comma at its end", "{% set p, = [9] %}{{ p }}")
template("a field within brackets", "{% set ns = namespace() %}{% set (ns.a, y) = (3, 4) %}")
template("too few to unpack", "{% for a, b in [[1]] %}{{ a }}{% endfor %}")
template("too many to unpack", "{% set a, b = [1, 2, 3] %}")
template("unpacking what is no sequence", "x\n{% set (a, b) = 5 %}")
template("assigning to a constant", "{% set true = 1 %}")
template("assigning to a list", "{% set [a] = [1] %}")
template("conditions of loops", """\
{% for i in range(10) if i is odd %}{{ i }}{{ loop.index }}{{ loop.length }}{{ loop.last }} {% else %}none{% endfor %}
{% for i in range(3) if i > 5 %}{{ i }}{% else %}none{% endfor %}
{% set ns = namespace(n=0) %}{% for i in range(9) if ns.n < 3 %}{{ i }}{% set ns.n = ns.n + 1 %}{% endfor %}
{% for i in range(6) if i % 2 == 0 %}{{ loop.nextitem }}|{{ loop.previtem }};{% endfor %}
""")
template("break and continue", """\
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(3) %}{% for j in range(3) %}{% if j > i %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% for i in [1, 2] %}{% break %}{% else %}broken at once{% endfor %}
{% for i in [1, 2] %}{% continue %}{% else %}never completed{% endfor %}
{% for i in [1, 2] %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% else %}not here{% endfor %}
{% for i in [1, 2] %}{% for j in [] %}{% else %}{% break %}{% endfor %}not here{% endfor %}
{% for i in range(4) %}{% with a = i %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{% endwith %}{% endfor %}
{% for i in range(4) %}{% set t %}t{{ i }}{% if i == 2 %}{% continue %}{% endif %}{% endset %}{{ t }}{% endfor %}
{% for i in range(4) %}{% filter upper %}t{{ i }}{% if i == 2 %}{% continue %}{% endif %}{% endfilter %}{% endfor %}
""")
template("break outside a loop", "a\n{% break %}")
template("continue in a macro within a loop", "{% for i in [1] %}\n{% macro m() %}{% continue %}{% endmacro %}{% endfor %}")
template("break in the else of a loop", "{% for i in [] %}{% else %}{% break %}{% endfor %}")
template("recursive loops", """\
{% for item in tree recursive %}
{{ '  ' * loop.depth0 }}{{ loop.index }}. {{ item.name }}{{ ':' if item.children }}
{% if item.children %}{{ loop(item.children) }}{% endif %}
{% else %}
nothing
{% endfor %}
""", TREE, {"tree": []})
template("calling a loop that is not recursive", "{% for i in [1] %}\n{{ loop([2]) }}{% endfor %}")
template("scopes", """\
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i * 10 %}{{ x }}{% endfor %}{{ x }}
{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% with x = 5 %}{{ x }}{% set x = 6 %}{{ x }}{% endwith %}{{ x }}
{% with a = x, b = a %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% set y %}{% set z = 4 %}{{ z }}{{ x }}{% endset %}{{ y }}{{ z is defined }}
{% macro m(x) %}{{ x }}{% set x = 7 %}{{ x }}{{ outer }}{% endmacro %}{{ m(3) }}{% set outer = 'late' %}{{ m(4) }}{{ x }}
{% for x in [8] %}{{ x }}{% endfor %}{{ x }}
{% for i in [1] %}{% if true %}{% set inner = 1 %}{% endif %}{{ inner }}{% endfor %}{{ inner is defined }}
""", {}, {"z": 1})
template("set blocks and filters", """\
{% set a %}  some {{ x }} text  {% endset %}[{{ a }}]
{% set b | trim | upper %}  some {{ x }} text  {% endset %}[{{ b }}]
{% set c | replace('e', 'E') | default('?') %}hello{% endset %}{{ c }}
{% set ns = namespace() %}{% set ns.text %}inside{% endset %}{{ ns.text }}
{% filter upper %}a{{ x }}{% set q = 1 %}b{% endfilter %}{{ q is defined }}
{% filter trim | replace('a', 'o') | indent(2, true) %}  banana
apple {% endfilter %}
""", {"x": "new"}, {"x": 5})
template("macros", """\
{% macro field(name, value='', type="text", size=20) -%}
<{{ name }}|{{ value }}|{{ type }}|{{ size }}>
{%- endmacro %}
{{ field('a') }}{{ field('b', 'v') }}{{ field(name='c', size=1) }}{{ field('d', type='t', value=none) }}{{ field() }}
{% macro args() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ args(1, 'b', c=3) }}{{ args() }}{{ args(*[1, 2], **{'k': 'v'}) }}
{% macro both(a, b=a ~ '!') %}{{ a }}{{ b }}{% endmacro %}{{ both(1) }}{{ both(1, 2) }}{{ both(b=3, a=4) }}
{% macro fact(n) %}{{ n * fact(n - 1)|int if n > 1 else 1 }}{% endmacro %}{{ fact(10) }}
{{ field.name }}{{ field is callable }}{{ field('x') | upper }}{{ field('x') ~ 'y' }}{{ field is string }}
{% macro nest(l) %}{% for i in l %}{% if i is iterable and i is not string %}({{ nest(i) }}){% else %}{{ i }}{% endif %}{% endfor %}{% endmacro %}{{ nest([1, [2, [3, 'x']], 4]) }}
{% set alias = field %}{{ alias('z') }}
{% macro early() %}a{{ later() }}{% endmacro %}{% macro later() %}b{% endmacro %}{{ early() }}
""")
template("a macro with an argument too many", "a\n{% macro m(x) %}{{ x }}{% endmacro %}\n{{ m(1, 2) }}")
template("a macro with an unknown argument", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1, y=2) }}")
template("a macro with an argument given twice", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1, x=2) }}")
template("a macro before it is there", "{{ m() }}{% macro m() %}{% endmacro %}")
template("call blocks", """\
{% macro box(title, style='plain') %}[{{ title }}|{{ style }}|{{ caller() }}]{% endmacro %}
{% call box('A') %}body {{ x }}{% endcall %}
{% call box('B', style='bold') %}
inner
{% endcall %}
{% macro each(items) %}{% for i in items %}{{ caller(i, loop.index) }};{% endfor %}{% endmacro %}
{% call(item, n) each(['p', 'q']) %}{{ n }}:{{ item }}{% endcall %}
{% call(item, n=5, m=n) each(['p']) %}{{ item }}{{ n }}{{ m }}{% endcall %}
{% macro maybe() %}{% if caller is defined %}{{ caller() }}{% else %}nobody{% endif %}{% endmacro %}
{{ maybe() }}{% call maybe() %}somebody{% endcall %}
{% macro outer() %}<{% call box('in') %}{{ caller() if false else 'x' }}{% endcall %}>{% endmacro %}{% call outer() %}never{% endcall %}
""", {"x": 1})
template("a call block for a macro that takes none", "{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}")
template("blocks", """\
{% set top = 'set' %}
{% block head %}head sees {{ given }} {{ top }} {{ after }}{% set inner = 1 %}{% endblock %}
{{ inner is defined }}
{% set after = 'later' %}
{% for i in [1, 2] %}{% block plain %}{{ i is defined }}{% endblock %}{% block wide scoped %}{{ i }}{{ top }}{% endblock wide %}{% endfor %}
{% block outer %}({% block inside %}{{ after }}{% endblock inside %}){% endblock %}
{{ self.head() }}|{{ self.inside() }}|{{ self.outer() | upper }}|{{ self.missing is defined }}
{% if true %}{% set cond = 'c' %}{% endif %}{% macro mm() %}m{{ cond }}{% endmacro %}{% block uses %}{{ cond }}{{ mm() }}{% endblock %}
""", {"given": "request"}, {})
template("a block twice", "{% block a %}{% endblock %}\n{% block a %}{% endblock %}")
template("a block that calls itself", "{% block a %}{{ self.a() }}{% endblock %}")
template("namespaces", """\
{% set ns = namespace(a=1, b='x') %}{% for i in [1, 2, 3] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}
{{ ns.c is defined }}{% set ns.c = [] %}{% for i in 'ab' %}{% set ns.c = ns.c + [i] %}{% endfor %}{{ ns.c }}
{% set other = namespace({'k': 1}, l=2) %}{{ other.k }}{{ other.l }}{% set same = other %}{% set same.k = 9 %}{{ other.k }}
{% macro bump() %}{% set ns.a = 100 %}{% endmacro %}{{ bump() }}{{ ns.a }}
""")
template("a field of what is no namespace", "{% set d = {} %}{% set d.a = 1 %}")
template("a field that begins with an underscore", "{% set ns = namespace() %}{% set ns._a = 1 %}")
template("print and with", "{% print 1, 'a' ~ 2 %}{% print [1] %}{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}")
template("conditions", """\
{% if n > 5 %}big{% elif n > 2 %}middle{% elif n %}small{% else %}zero{% endif %}
{{ 'a' if n > 5 else 'b' if n > 2 else 'c' }}{{ 'only' if n > 5 }}{{ (1 if n else 2) + 1 }}{{ n and 'yes' or 'no' }}
{% if not n %}not{% endif %}{% if n is not none and n in [0, 3] %}in{% endif %}{% if n not in (1, 7) %}not in{% endif %}
{% if n: %}colon{% else: %}other{% endif %}
""", {"n": 7}, {"n": 3}, {"n": 0})
template("cycler and joiner", """\
{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.current }}
{% set j = joiner(', ') %}{% for i in [1, 2, 3] %}{{ j() }}{{ i }}{% endfor %}{% set k = joiner() %}{{ k() }}x{{ k() }}y
""")
template("dates", "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y, %A %B %H:%M:%S %j %y %p %%') }} {{ strftime_now('') }}|{{ strftime_now('plain') }}")
template("undefined", """\
[{{ missing }}][{{ missing | default('d') }}][{{ missing is defined }}][{{ missing is undefined }}][{{ none_value is none }}][{{ d.missing }}][{{ d['missing'] }}][{{ missing | length }}][{{ missing | list }}][{{ missing | join }}][{% for x in missing %}{% else %}empty{% endfor %}][{{ missing or 'or' }}][{{ not missing }}][{{ missing ~ 'x' }}][{{ 'a' if missing }}][{{ missing == missing }}][{{ missing in [1] }}][{{ 'x' in missing }}][{{ missing | upper }}][{{ missing|default }}][{{ d.a.b is defined }}]
""", {"none_value": None, "d": {"a": {}}})
template("an attribute of what is undefined", "ok\n{{ missing.more }}", {})
template("an item of what is undefined", "ok\n\n{{ d.missing['more'] }}", {"d": {}})
template("calling what is undefined", "{{ missing() }}")
template("adding to what is undefined", "{{ missing + 1 }}")
template("calling what is no function", "{{ s() }}", {"s": "x"})
template("an exception of the template", "line\n{% if true %}\n{{ raise_exception('Stop: ' ~ x) }}\n{% endif %}", {"x": "here"})
template("an exception within a macro", "{% macro m() %}\n{{ raise_exception('inside') }}\n{% endmacro %}\n\n{{ m() }}")
template("include", "{% include 'other' %}")
template("import", "{% import 'other' as o %}")
template("from", "{% from 'other' import o %}")
template("extends", "{% extends 'other' %}")
template("an unknown tag", "a\n{% frobnicate %}")
template("a tag that is not closed", "a\n{% if x %}\nb")
template("a loop closed as a condition", "{% for i in [] %}{% endif %}")
template("an end without beginning", "a{% endif %}")
template("a string without end", "{{ 'abc }}")
template("brackets that do not match", "{{ (1] }}")
template("an expression without end", "a\n{{ 1 +")
template("an empty print", "{{ }}")
template("a filter that nobody knows", "{{ 1 | frobnicate }}")
template("a test that nobody knows", "{{ 1 is frobnicated }}")
template("an unknown character", "{{ 1 ? 2 }}")
template("changing a list", "a\n{% set l = [1] %}{% if l.append(2) %}{% endif %}")
template("changing a dictionary", "{{ d.update({'a': 1}) }}", {"d": {}})
template("private attributes", "{{ ''.__class__ }}{{ ''.__class__.__mro__ }}")
template("looking at tojson", """\
{{ v | tojson }}
{{ v | tojson(indent=2) }}
{{ v | tojson(indent=0) }}
{{ v | tojson(separators=(',', ':')) }}
{{ v | tojson(indent=1, separators=(' ;', '='), sort_keys=true) }}
{{ v | tojson(ensure_ascii=true, sort_keys=true) }}
{{ v | tojson(true) }}
""", {"v": {"b": [1, 2.0, -0.5, 1e30, True, None, "ä🙂\u0001\"\\/\n"], "a": {}, "c": [], "d": {"e": [[], [{}]]}}},
         {"v": "text <b>"}, {"v": [1.0, 1e16, 123456789012345680.0, 0.1, 1e-5, 5e-324, 1.7976931348623157e308]}, {"v": None})
template("nested data", """\
{%- macro show(v, depth=0) -%}
{%- if v is mapping %}{ {%- for k, x in v | dictsort %}{{ k }}: {{ show(x, depth + 1) }}{{ ', ' if not loop.last }}{% endfor %} }
{%- elif v is string %}"{{ v }}"
{%- elif v is sequence %}[{% for x in v %}{{ show(x, depth + 1) }}{% if not loop.last %}, {% endif %}{% endfor %}]
{%- elif v is none %}null{% elif v is boolean %}{{ v | lower }}
{%- else %}{{ v }}{% endif -%}
{%- endmacro -%}
{{ show(v) }}
""", {"v": {"z": [1, [2, [3, {"y": None}]]], "a": {"b": {"c": True}}, "f": 1.5}}, {"v": []}, {"v": "s"})
template("grouping", """\
{% for city, group in people | groupby('city') %}{{ city }}: {{ group | map(attribute='name') | join(', ') }}; {% endfor %}
{% for g in people | groupby('age', default=0) %}{{ g.grouper }}={{ g.list | length }} {% endfor %}
{% for g in people | groupby('city', case_sensitive=true) %}{{ g[0] }}/{{ g[1] | length }} {% endfor %}
{{ people | selectattr('age') | map(attribute='name') | list }}{{ people | rejectattr('age', 'defined') | map(attribute='name') | list }}
{{ people | selectattr('age', 'gt', 26) | map(attribute='name') | list }}{{ people | map(attribute='age', default='?') | list }}
{{ people | sort(attribute='city,name') | map(attribute='name') | list }}{{ people | map(attribute='name') | sort(reverse=true) }}
{{ people | map(attribute='name') | sort(case_sensitive=true) }}{{ (people | first).name }}{{ (people | last).name }}
{{ people | unique(attribute='city') | map(attribute='name') | list }}{{ (people | selectattr('age') | max(attribute='age')).name }}
{{ (people | selectattr('age') | list | sum(attribute='age')) }}{{ people | map('upper') | list | length }}
""", DATA)
template("batches and slices", """\
{% for row in range(7) | batch(3, 'x') %}{{ row | join(',') }};{% endfor %}
{% for row in range(7) | batch(3) %}{{ row }}{% endfor %}
{% for column in range(7) | slice(3, '-') %}{{ column }}{% endfor %}
{% for column in range(7) | slice(3) %}{{ column }}{% endfor %}
""")
template("a macro as a filter's input", "{% macro m() %} a {% endmacro %}{{ m() | trim }}|{{ (m() ~ m()) | trim | length }}|{{ m().strip() }}|{{ m()[1] }}")
template("deep attributes", "{{ nested.a.b.2.c }}{{ nested.a.b[2]['c'] }}{{ nested['a']['b'][-1].c }}{{ nested.items is callable }}{{ nested['items'] }}{{ nested.a.b.0 }}{{ nested.nope }}{{ nested['0'] }}", DATA)
template("shadowed built-ins", "{% set range = 5 %}{{ range }}{% set dict = 1 %}{{ dict }}{% set loop = 'l' %}{{ loop }}{% for i in [1] %}{{ loop.index }}{% endfor %}")
template("macros with the names of variables", "{% set a = 'x' %}{% macro b(a) %}{{ a }}{% endmacro %}{{ b('y') }}{{ a }}{% macro a() %}m{% endmacro %}{{ a() }}")
template("numbers beyond 64 bits", "{{ 9223372036854775807 + 1 }}")
template("products beyond 64 bits", "a\n{{ 4611686018427387904 * 4 }}")
template("constants beyond 64 bits", "{{ 123456789012345678901234567890 }}")
template("powers beyond 64 bits", "{{ 10 ** 30 }}")

# ---- expressions ----------------------------------------------------------------------------------------------------
EXPRESSIONS = """
1 + 2 * 3 - 4 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
-7.5 % 2
7.5 // 2
-7.5 // 2
2 ** 10
2 ** -1
2 ** 0.5
-2 ** 2
2 ** 3 ** 2
10 / 4
10 / 5
1 / 3
1 // 0
1 / 0
1 % 0
0.1 + 0.2
1e3
1.5e-7
1e16
1e15
123456789.123456789
1_000_000
0xff
0b101
0o17
0XfF
1.0
100000000000000000000.0
3.0 * 2
5 - 2.5
-5
+5
- -5
--5
-x
not true
not not n
true + true
true * 3
true == 1
1 == 1.0
1 == '1'
'1' == '1'
none == none
none == false
[] == []
[1, 2] == [1, 2]
[1, 2] == (1, 2)
{'a': 1} == {'a': 1.0}
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
1 < 2 < 3
1 < 3 < 2
1 < 2 > 1
1 == 1 != 2
'a' < 'b'
'a' < 'B'
[1, 2] < [1, 3]
(1, 'a') < (1, 'b')
1 < 'a'
none < 1
[1] < [2, 'a']
1 <= 1 >= 1
2 in [1, 2]
2 not in [1, 2]
'a' in 'cat'
'' in 'cat'
1 in 'cat'
'a' in d
2 in d
'x' in empty_list
1 in 5
n in (7, 8)
'b' in d.keys()
2 in d.values()
not 1 in [2]
1 and 2
0 and 2
0 or 'x'
'' or none
1 or undefined_name
'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1, 'b'] ~ {'k': none}
'a' + 'b'
'a' + 1
1 + 'a'
[1] + [2]
[1] + (2,)
(1,) + (2, 3)
'ab' * 3
3 * 'ab'
'ab' * -1
[1, 2] * 2
'ab' * 1.5
none + 1
d + d
'%s and %d' % ('a', 3)
'%05.2f|%x|%5s|%-5s|%+d|%%' % (3.14159, 255, 'r', 'l', 5)
'%s' % [1]
'%s' % 5
'%(a)s-%(b)d' % {'a': 1, 'b': 2}
'%d' % 'x'
'%s %s' % 'x'
'%r' % 'x'
'%e %g %G' % (12345.678, 0.00001, 1e20)
'%c%c' % ('a', 98)
'%.3s|' % 'abcdef'
'%o' % 8
'%i' % 3.9
"%s" % none
[1, 'a', none, true, 1.5, [], {}, ()]
(1,)
()
(1, 2)
1, 2
{}
{'a': 1, 2: 'b', none: [1], 1.5: true}
{'a': 1, 'a': 2}
{1: 'a', true: 'b', 1.0: 'c'}
{[1]: 2}
['it\\'s', "say \\"x\\"", 'both \\' and "', 'back\\\\slash', 'tab\\t', '\\x00\\x1f\\x7f', 'é', '🙂', '\\u200b', '\\xa0']
s[0]
s[-1]
s[100]
s[1:4]
s[:-6]
s[::-1]
s[::2]
s[-3:]
s[10:2:-2]
s[5:100]
s[100:]
s[:]
s[none:3]
s['a']
l[0]
l[-1]
l[5]
l[5] is defined
l[1:]
l[::-1]
l[::0]
l['a']
l.0
l[true]
l[1.0]
mixed[1:3]
(1, 2, 3)[1:]
range(10)[2:5]
range(10)[3]
range(5)
range(2, 8, 3)
range(5, 0, -2) | list
range(0) | list
range(3) | list
range(1, 2, 0)
range('a')
range(1000000)
range(1.5)
d['a']
d.a
d.zzz
d['zzz'] is defined
d.get('a')
d.get('zzz')
d.get('zzz', 5)
d.items() | list
d.keys()
d.values() | list
d.items()
d | list
d | length
d.copy()
d['items'] is defined
nested.items is callable
nested['items']
nested.a.b[2].c
u[6:10]
u | length
u | upper
u | lower
u | title
u | capitalize
u[::-1]
s.upper()
s.lower()
s.title()
s.capitalize()
s.swapcase()
s.strip('Hd')
spaces.strip()
spaces.lstrip()
spaces.rstrip()
spaces.split()
spaces.split(' ')
s.split('o')
s.split('o', 1)
s.split(maxsplit=1)
s.split(sep='l', maxsplit=1)
s.rsplit('o', 1)
s.rsplit('l')
' a b c '.rsplit(none, 1)
' a b c '.split(none, 1)
s.split('')
'a,b,,c'.split(',')
''.split()
''.split(',')
lines.splitlines()
lines.splitlines(true)
s.startswith('Hello')
s.startswith(('x', 'He'))
s.startswith('World', 6)
s.endswith('d')
s.endswith(('x', 'ld'))
s.endswith('Hello', 0, 5)
s.find('o')
s.find('o', 5)
s.find('z')
s.rfind('o')
s.index('o')
s.index('z')
s.rindex('l')
s.count('l')
s.count('l', 4)
s.count('')
'aaaa'.count('aa')
s.replace('l', 'L')
s.replace('l', 'L', 1)
s.replace('', '-')
s.replace('', '-', 3)
s.replace('World', '')
s.partition(' ')
s.rpartition('o')
s.partition('z')
s.rpartition('z')
s.removeprefix('Hello ')
s.removesuffix('World')
s.removeprefix('x')
s.center(21, '*')
s.ljust(15, '.')
s.rjust(15)
s.center(3)
'42'.zfill(5)
'-42'.zfill(5)
'a\\tb\\tc'.expandtabs(4)
', '.join(words)
'-'.join('abc')
', '.join([1])
s.isupper()
s.islower()
'abc'.islower()
'ABC1'.isupper()
'abc'.isalpha()
'a1'.isalnum()
'12'.isdigit()
'²'.isdigit()
'½'.isnumeric()
'12'.isdecimal()
' '.isspace()
''.isspace()
'Title Case'.istitle()
'abc'.isascii()
'é'.isascii()
'ß'.casefold()
'{} and {}'.format(1, 'b')
'{1} {0} {name}'.format('a', 'b', name='c')
'{:>5}|{:<5}|{:^5}|{:05d}'.format('a', 'b', 'c', 42)
'{0.a} {0[b]}'.format(d)
'{:.2f} {:,} {:x} {:%}'.format(3.14159, 1234567, 255, 0.5)
'{{}}'.format()
'{!r}'.format('a')
'{}'.format()
'{0} {}'.format(1, 2)
'{:*^10}'.format('mid')
'{:+}'.format(5)
'{:e}'.format(12345.678)
words.index('fig')
words.index('zzz')
words.count('fig')
(1, 2, 1).count(1)
l.copy()
l.append(1)
s.nothing
s.nothing()
s.upper
n.real
n.bit_length()
s | upper
s | lower
'hELLO wORLD foo-bar (x) [y]' | title
'hELLO wORLD' | capitalize
spaces | trim
'xxaxx' | trim('x')
s | replace('l', 'L')
s | replace('l', 'L', 1)
s | replace('o', 5)
5 | replace(5, 6)
s | length
s | count
l | length
5 | length
s | first
s | last
l | first
l | last
empty_list | first
empty_list | last
l | sort
words | sort
words | sort(case_sensitive=true)
words | sort(reverse=true)
mixed | sort
d | sort
l | reverse | list
s | reverse
words | unique | list
words | unique(case_sensitive=true) | list
[1, 1.0, true, '1'] | unique | list
l | min
l | max
words | min
words | max
words | max(case_sensitive=true)
empty_list | max
l | sum
l | sum(start=10)
words | sum
[[1], [2]] | sum(start=[])
l | join
l | join(', ')
people | join('|', attribute='name')
words | join(' & ') | upper
'abc' | join('-')
5 | join
d | join
words | map('upper') | list
words | map('replace', 'p', 'P') | list
words | map('length') | list
words | map('first') | join
people | map(attribute='name') | list
people | map(attribute='age') | list
people | map(attribute='age', default=0) | list
[[1, 2], [3, 4]] | map(attribute=1) | list
[[1, 2], [3, 4]] | map('sum') | list
[{'a': {'b': 1}}] | map(attribute='a.b') | list
words | map | list
l | select('odd') | list
l | select('gt', 1) | list
l | reject('odd') | list
mixed | select | list
mixed | select('string') | list
mixed | reject('none') | list
mixed | select('number') | list
mixed | select('mapping') | list
words | select('in', ['fig', 'pear']) | list
people | selectattr('age', 'equalto', 30) | map(attribute='name') | list
people | selectattr('age', '==', 30) | list | length
people | rejectattr('city', 'eq', 'Ulm') | map(attribute='name') | list
people | selectattr('zzz') | list
people | selectattr('name', 'in', 'Ann bob') | list | count
people | selectattr('age', 'defined') | list | count
d | dictsort
d | dictsort(true)
d | dictsort(by='value')
d | dictsort(reverse=true)
d | dictsort(false, 'value', true)
d | items | list
missing | items | list
5 | items
d | list
s | list
missing | default('x')
missing | d('x')
empty | default('x')
empty | default('x', true)
none | default('x')
none | default('x', true)
0 | default(1, boolean=true)
missing | default
n | string
n | string | length
digits | int
'12.7' | int
hex | int(base=16)
'ff' | int(0, 16)
'0b11' | int(base=2)
'0o17' | int(base=8)
'zzz' | int
'zzz' | int(5)
x | int
-2.7 | int
true | int
none | int
' 12 ' | int
'1_000' | int
'1e3' | int
'99999999999999999999' | int
digits | float
float | float
'zzz' | float
'zzz' | float(1.5)
'1e400' | float
'inf' | float
'nan' | float
none | float
n | float
x | round
2.567 | round(2)
2.5 | round
3.5 | round
-2.5 | round
2.1 | round(method='ceil')
2.9 | round(0, 'floor')
2.675 | round(2)
1234.5 | round(-2)
n | round
n | round(2)
1.1 | round(1, 'ceil')
'x' | round
-5 | abs
-2.5 | abs
true | abs
'x' | abs
html | escape
html | e
html | e | e
html | forceescape
html | safe
html | escape | forceescape
html | striptags
'<p>a  b</p>\\n<!-- c --><br/>d &amp; &lt;e&gt;' | striptags
(html | escape) + '<b>'
'<b>' + (html | escape)
(html | escape) ~ '<b>'
'<b>%s</b>' | safe | format('<i>')
'%s %s' | format('a', 'b')
'%(x)s' | format(x=1)
'%s' | format
long | truncate(20)
long | truncate(20, true)
long | truncate(20, false, '')
long | truncate(20, end='!')
long | truncate(62)
long | truncate(62, leeway=0)
long | truncate(2)
s | truncate
long | wordcount
'a-b c_d 12 é' | wordcount
lines | indent
lines | indent(2, true)
lines | indent(2, blank=true)
lines | indent('>> ', true, true)
'' | indent
s | center(21)
s | center
s | center(width=5)
u | urlencode
'a b/c?d=e&f' | urlencode
{'a b': 'c&d', 'e': 5} | urlencode
[('x', 'y z')] | urlencode
1 | filesizeformat
999 | filesizeformat
1000 | filesizeformat
1500000 | filesizeformat
1024 | filesizeformat(true)
123456789 | filesizeformat(binary=true)
d | attr('a')
s | attr('upper')
d | attr('items')
d | tojson
mixed | tojson
html | tojson
u | tojson
u | tojson(ensure_ascii=true)
x | tojson
tiny | tojson
big | tojson
none | tojson
missing | tojson
(1, 2) | tojson
{1: 'a', none: 'b', true: 'c', 1.5: 'd'} | tojson
range(3) | tojson
s.upper | tojson
{'b': 1, 'a': 2} | tojson(sort_keys=true)
l | batch(2) | list
l | batch(2, 0) | list
l | slice(2) | list
l | slice(2, 'x') | list
l | slice(0) | list
'abc' | list
'abcdef' | batch(4) | list
l | map('string') | join
l | map('tojson') | list
n is defined
missing is defined
missing is undefined
n is odd
n is even
x is odd
n is divisibleby 7
n is divisibleby(2)
n is number
yes is number
s is number
n is integer
yes is integer
x is integer
x is float
n is float
yes is boolean
n is boolean
yes is true
n is true
no is false
zero is false
nothing is none
s is none
s is string
n is string
d is mapping
l is mapping
l is sequence
s is sequence
d is sequence
n is sequence
l is iterable
s is iterable
d is iterable
n is iterable
missing is iterable
range(3) is sequence
(l | map('string')) is sequence
(l | map('string')) is iterable
s is lower
'abc' is lower
'ABC' is upper
'' is upper
5 is upper
n is eq 7
n is equalto 7
n is ne 7
n is gt 6
n is greaterthan 6
n is ge 7
n is lt 7
n is lessthan 8
n is le 7
n is sameas 7
none is sameas none
d is sameas d
yes is sameas 1
n is in [7]
'a' is in 'abc'
n is not in [7]
n is not odd
not n is odd
range is callable
s.upper is callable
s is callable
html is escaped
html | escape is escaped
'upper' is filter
'zzz' is filter
'odd' is test
'zzz' is test
n is
n is odd is true
'a' if yes else 'b'
'a' if no else 'b'
'a' if no
('a' if no) is defined
('a' if no) ~ 'x'
'a' if no else 'b' if no else 'c'
1 if missing else 2
missing.attr
missing['attr']
none.attr
none['attr']
nothing.attr is defined
n.attr is defined
s.attr.more
d.a.b
l | length > 2 and s
(l | length > 2) == true
l | sort | first
l|length - 1
(n + 1) * 2
n * (1 + 1)
n -1
n - 1
-n + 1
-n | abs
(-n) | abs
n ~ 1 + 2
1 + 2 ~ 3
n > 5 and n < 10 or false
n > 5 if n else 0
dict(a=1, b='c')
dict([('a', 1)])
dict({'a': 1}, b=2)
dict.fromkeys(['a', 'b'], 0)
dict(5)
namespace(a=1).a
namespace(a=1).b is defined
cycler('a').next()
joiner('x')()
lipsum is defined
raise_exception('no')
strftime_now('%Y')
loop is defined
self is defined
True and False
None is none
true and True
'a' 'b' "c"
"a" ~ 'b'
[1, 2,]
(1, 2,)
{'a': 1,}
[*l]
{'a': 1}.a
[1, 2, 3][1]
'abc'[1]
'abc'.upper()[0]
('a', 'b')[0]
{'a': [1, {'b': 2}]}['a'][1]['b']
[[1, 2], [3]][0][1]
l[l | length - 1]
l[n - 6]
d[words[0]] is defined
d['a' ~ '']
s[1:][1:]
s[:5] ~ s[5:]
words[0][0]
words[-1:][0]
words[1:-1] | join('+')
nested.a.b | length
nested.a.b[:2] | sum
(nested.a.b | last).c
people[0].name ~ people[0]['age']
people | length
people[0].keys() | list
people[0].items() | list | first
people[-1].age
people[-1].age is defined
people[0] == people[0]
people[0] in people
[people[0], 1] | tojson
'a' == 'a' == 'a'
'%s' % ('a',)
'%s' % 'a' ~ 'b'
'%s' % 'a' + 'b'
'x' in 'xyz' and 'y' in 'xyz'
'x' not in s
not s
not missing
-missing
missing + 'a'
missing | upper
missing > 1
missing == none
missing == ''
missing != missing
[missing] | tojson
[missing]
[missing] | join
missing | string
missing | int
missing | float
missing | round
missing | sort
missing | first
missing | reverse | list
missing | trim
missing | title
missing | replace('a', 'b')
missing | abs
missing in missing
missing.split
range(missing)
x // 1
x * 2
x == 2.5
big
tiny
1e22
1e-4
0.00001
123456.789e3
-0.0
0.0
1e308 * 10
-1e308 * 10
1e308 * 10 - 1e308 * 10
5 // 2.0
2 ** 62
2 ** 63
9223372036854775807
-9223372036854775808
9223372036854775807 * 1
'é' < 'z'
'a' * 3 ~ 'b'
"\\u00e9" == 'é'
'\\n' | length
'a\\\\b' | length
"'" ~ '"'
u.upper()
u.title()
u.swapcase()
'ǆ' | title
'ﬁ' | upper
'İ' | lower
'ΑΣ' | lower
'ŉ'.upper()
'١٢' | int
'１２'.isdecimal()
'a\\u2028b'.splitlines()
'a\\x0bb\\x0cc\\x1cd\\x85e'.splitlines()
'\\u3000a\\u2003'.strip()
words | map('capitalize') | join(',')
words | map('lower') | unique | sort | join(',')
words | select('lower') | list
words | groupby(0) | list | length
people | groupby('city') | map('first') | list
people | groupby('age') | list
people | sort(attribute='age')
people | selectattr('age') | sort(attribute='age,name', reverse=true) | map(attribute='name') | list
people | map(attribute='city') | map('lower') | unique | list
l | map('float') | list
l | map('round', 1) | list
l | sum / l | length
(l | sum) / (l | length)
l | max - l | min
[3, 1, 2] | sort(true)
['b', 'A'] | sort
[(1, 'b'), (1, 'a')] | sort
[[2], [1]] | sort
[true, 0, 2] | sort
[1.5, 1] | sort
['10', '9'] | sort
{'a': 1} | length
{'a': 1}.items() | list | tojson
'a,b' | list | tojson
'a b' | urlencode | upper
s | wordwrap(5)
s | pprint
s | xmlattr
s | urlize
s.encode('utf-8')
s.translate({})
s.format_map({})
s | upper()
s | upper(1)
s | center(21, 'x')
s | replace
s | join(1, 2, 3)
s.split(1)
s.split(1, 2, 3)
s.startswith(1)
s.center()
s.strip(1)
d.get()
d.get([1])
d.pop('a')
l.pop()
l.sort()
l.extend([1])
d.setdefault('z', 1)
d.clear()
s.join
""".strip("\n").split("\n")

# What Jinja2 does and we refuse to do, by name.
UNSUPPORTED = """
n.real
n.bit_length()
s | random
l | random
s.encode('utf-8')
s.translate({})
s.format_map({})
""".strip("\n").split("\n")

# ---- filters that break lines or find addresses: written ones, and drawn ones ---------------------------------------
EXPRESSIONS += """
s | wordwrap(5)
s | xmlattr
long | wordwrap
long | wordwrap(20)
long | wordwrap(7)
long | wordwrap(3)
long | wordwrap(3, false)
long | wordwrap(1)
long | wordwrap(10, wrapstring='|')
long | wordwrap(10, true, none, false)
long | wordwrap(0)
long | wordwrap(-3)
'' | wordwrap(0)
lines | wordwrap(3)
spaces | wordwrap(2)
u | wordwrap(4)
5 | wordwrap
none | wordwrap
missing | wordwrap
'a well-known state-of-the-art e-mail -- a dash---and x-1 1-2 a-b-c non-1st --flag' | wordwrap(8)
'a well-known state-of-the-art e-mail -- a dash---and x-1 1-2 a-b-c non-1st --flag' | wordwrap(4)
'a well-known state-of-the-art e-mail -- a dash---and x-1 1-2 a-b-c non-1st --flag' | wordwrap(4, false)
'a well-known state-of-the-art e-mail -- a dash---and x-1 1-2 a-b-c non-1st --flag' | wordwrap(8, break_on_hyphens=false)
'-----' | wordwrap(2)
'x' | wordwrap('5')
d | xmlattr
d | xmlattr(false)
{} | xmlattr
{'class': 'a b', 'missing': none, 'id': 'list-%d' | format(4), 'n': 5, 'q': '<"&\'>'} | xmlattr
{'a b': 1} | xmlattr
{'a>': 1} | xmlattr
{'a/': none} | xmlattr
{1: 2} | xmlattr
{'a"': 'b' | safe, 'c': '<' | safe, 'd': missing} | xmlattr
l | xmlattr
s | pprint
l | pprint
d | pprint
nested | pprint
people | pprint
mixed | pprint
[people, people] | pprint
{'people': people, 'long': long, 'l': l} | pprint
long * 3 | pprint
(long * 3) | pprint
[long * 3, lines * 5] | pprint
{'text': long * 3, 'more': {'deep': [lines * 10, u * 9]}} | pprint
(1, 2) | pprint
(1,) | pprint
((long, long),) | pprint
[(long,), [], {}, ()] | pprint
{2: 'a', 'b': 1, none: 3, 1.5: 4, true: 5} | pprint
x | pprint
none | pprint
missing | pprint
html | safe | pprint
range(3) | pprint
range(40) | list | pprint
'no spaces in this text but ' + 'x' * 200 | pprint
('x' * 200) | pprint
[('y' * 90 + ' ') * 3] | pprint
people | groupby('city') | list | pprint
s | urlize
html | urlize
5 | urlize
none | urlize
'see https://example.com, (http://a.b/c_(d)) and <www.x.org>.' | urlize
'see https://example.com, (http://a.b/c_(d)) and <www.x.org>.' | safe | urlize
'mail a@b.com or mailto:c@d.org, @e@f.g h@i j@k.l.' | urlize
'www.example.com:80/x?y#z example.com:99999 a.com. b.org/ c.info?x d.xyz www.e' | urlize(10)
'https://1.2.3.4/x http://[2001:db8::1]/ http://[::1] http://1.2.3 http://x' | urlize(nofollow=true, target='_blank', rel='b a')
'HTTPS://EXAMPLE.COM www.A-B.de xn--p1ai.com http://xn--p1ai http://ex%41mple.com' | urlize
'tel:123 ftp://a/b' | urlize(extra_schemes=['tel:', 'ftp://'])
'tel:123' | urlize(extra_schemes=['bad'])
'tel:123' | urlize(extra_schemes=['a:///'])
'x.com' | urlize(-2)
'x.com' | urlize(target='"')
'((a.com)) (a.com)) ((a.com &lt;a.com&gt;' | urlize
'a.com,b.com .com -.com --.com a_b.net' | urlize
'http://user@host.com a@b@c.de a@-b.de a@b-.de a@b..de a@b.c-d' | urlize
""".strip("\n").split("\n")


def drawn():
    import random
    draw = random.Random(8)
    pieces = ["a", "word", "well-known", "-", "--", "---", "x-", "-y", "1-2", "a1-b2", " ", " ", "  ", "\\t", "\\n", "\\u00a0", "!", ".", "\\u00e9t\\u00e9-\\u00fc", "\\'", "&"]
    parts = ["http://", "https://", "www.", "a", "b-c", "x%20", ".com", ".", ".org", "mailto:", "@", "/p", "?q=1", "#f", ":8080", "(", ")", "<", ">", "&", "&lt;", "&gt;", ",", " ",
             "[::1]", "1.2.3.4", "\\n", "\\u00e9", "tel:"]
    for _ in range(60):
        text = "".join(draw.choice(pieces) for _ in range(draw.randrange(2, 40)))
        yield f"'{text}' | wordwrap({draw.randrange(1, 14)}, {draw.choice(['true', 'false'])}, '|', {draw.choice(['true', 'false'])})"
    for _ in range(80):
        text = "".join(draw.choice(parts) for _ in range(draw.randrange(2, 14)))
        yield f"'{text}' | urlize({draw.choice(['', '5', 'none, true'])})"

    def value(depth):
        kind = draw.randrange(9 if depth < 4 else 5)
        if kind == 0:
            return str(draw.choice([0, 7, -3, 2.5, 1e30, "true", "none"]))
        if kind < 5:
            return "'" + "".join(draw.choice(pieces) for _ in range(draw.choice([1, 3, 12, 60]))) + "'"
        inner = [value(depth + 1) for _ in range(draw.randrange(5))]
        if kind == 5:
            return "(" + "".join(i + ", " for i in inner) + ")"
        if kind == 6:
            return "[" + ", ".join(inner) + "]"
        return "{" + ", ".join(f"{draw.choice(['1', '2', quoted('b'), quoted('key' * 9)])}: {i}" for i in inner) + "}"

    def quoted(text):
        return f"'{text}'"

    for _ in range(60):
        yield f"{value(0)} | pprint"


EXPRESSIONS += drawn()
