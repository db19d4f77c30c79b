import pathlib
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parents[2] / "tools/lint_plan.py"


def lint(text, path="ttt/attention/attention.h"):
    with tempfile.TemporaryDirectory() as root:
        file = pathlib.Path(root, path)
        file.parent.mkdir(parents=True)
        file.write_text(text)
        run = subprocess.run([sys.executable, LINT, root], capture_output=True, text=True)
        return run.returncode, run.stdout


def block(plan="", members="", before=""):
    return f"""
struct XSpec {{ std::optional<float> scale = {{}}; std::string name = {{}}; }};
{before}
class X {{
 public:
  using Spec = XSpec;
  enum class Mode : int {{ kOne, kTwo }};
  static constexpr int kMax = 4;
  X(const XSpec& spec, const Context& context) : plan_{{}} {{ build(spec); }}
  void forward(Exec& exec, ConstTensorView x = {{}}) const;
  std::int64_t out() const {{ return plan_.out; }}
  bool operator==(const X&) const = default;

 private:
  struct Plan {{
    struct Form {{ int a = 0; }};
    Place place = {{}};
    std::array<Form, 4> forms = {{}};
    {plan}
  }} plan_{{}};
  {members}
  static int class_of(std::int64_t rows);
}};
"""


class Plans(unittest.TestCase):
    def refused(self, text, reason, **where):
        code, output = lint(text, **where)
        self.assertEqual(code, 1, output)
        self.assertIn(reason, output)
        self.assertEqual(output.count("\n"), 1, output)

    def test_clean_block(self):
        self.assertEqual(lint(block("float scale; // not the XSpec's std::optional")), (0, ""))

    def test_no_plan_at_all_is_a_failure(self):
        self.assertEqual(lint("struct XSpec {};\n")[0], 1)

    def test_plan_contents(self):
        for member, name in (("XSpec spec;", "XSpec"), ("const RMSNormSpec* s;", "RMSNormSpec"),
                             ("XImplConfig impl = {};", "XImplConfig"), ("std::optional<float> cap;", "optional"),
                             ("std::variant<A, B> v;", "variant"), ("std::string path;", "string"),
                             ("std::string_view path;", "string_view"), ("std::vector<std::string> v;", "string")):
            self.refused(block(member), f"a Plan holds {name}:")

    def test_members_of_a_block_with_a_base(self):
        based = block(members="XSpec spec_;").replace("class X {", "class X : public BlockForward<X, ConstTensorView> {")
        self.refused(based, "X keeps spec_")

    def test_asking_whether_a_step_is_planned(self):
        self.refused(block() + "void f(Exec& exec) { if (exec.planning()) return; }\n", "asks whether a step is planned")

    def test_nested_in_a_part_of_the_plan(self):
        self.refused(block("struct Part { std::optional<int> n; } part;"), "a Plan holds optional:")

    def test_plan_defined_in_a_source_file(self):
        self.refused("struct X::Plan {\n  XSpec spec;\n};\n", "attention.cpp:2: a Plan holds XSpec:",
                     path="ttt/attention/attention.cpp")

    def test_members_besides_the_plan(self):
        for member, name in (("XSpec spec_;", "spec_"), ("int rows_ = 0;", "rows_"), ("bool causal{};", "causal"),
                             ("std::map<int, std::pair<int, int>> table_;", "table_"), ("float w_[4];", "w_"),
                             ("const Context* context_ = nullptr;", "context_"), ("mutable int calls;", "calls"),
                             ("void (*kernel_)(int) = nullptr;", "kernel_"), ("struct { int a; } other_;", "other_")):
            self.refused(block(members=member), f"X keeps {name}:")

    def test_only_folders_of_blocks(self):
        clean = block()
        self.assertEqual(lint(clean, path="ttt/linear/linear.h")[0], 0)
        self.assertEqual(lint(block("XSpec spec;"), path="ttt/linear/linear.h")[0], 1)
        self.assertEqual(lint(clean, path="ttt/state/pool.h")[0], 1)  # nothing found to lint


if __name__ == "__main__":
    unittest.main()
