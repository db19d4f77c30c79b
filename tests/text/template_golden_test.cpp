#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>

#include "tests/text/corpus.h"
#include "text/template/template.h"

namespace ttt {
namespace {

// Reference: Jinja2 with the settings of transformers (tools/make_template_golden.py).
class TemplateGolden : public testing::Test {
 protected:
  TemplateGolden() {
    setenv("TZ", "UTC0", 1);
    tzset();
  }

  static Json file(const std::string& name) { return Json::parse(read_golden("../templates/" + name), name); }

  struct Outcome {
    std::optional<std::string> rendered = {};
    std::string error = {};
    ErrorKind kind = ErrorKind::kInternal;
  };
  static Outcome render(const std::string& source, const Json& request, std::int64_t second) {
    try {
      return {.rendered = Template::parse(source, "it").render(request, {}, {.time = second}).text};
    } catch (const Error& e) {
      return {.error = e.what(), .kind = e.kind()};
    }
  }

  // Every template of the file, with all its inputs. `reasons`: errors have the words of the reference.
  static std::size_t compare(const std::string& name, bool reasons) {
    const Json all = file(name);
    const std::int64_t second = all.at("second", name).as_integer(name);
    for (const Json& c : all.at("cases", name).as_array(name)) {
      const std::string& source = c.at("template", name).as_string(name);
      std::size_t run_number = 0;
      for (const Json& run : c.at("runs", name).as_array(name)) {
        SCOPED_TRACE(c.at("name", name).as_string(name) + text(", input ", ++run_number));
        const Outcome got = render(source, run.at("with", name), second);
        if (const Json* wanted = run.find("text")) {
          EXPECT_EQ(got.error, "");
          EXPECT_EQ(got.rendered, wanted->as_string(name));
          continue;
        }
        EXPECT_FALSE(got.rendered.has_value()) << *got.rendered;
        EXPECT_TRUE(got.kind == ErrorKind::kBadData || got.kind == ErrorKind::kUnsupported) << got.error;
        const std::string& reason = run.at("error", name).as_string(name);
        if (const Json& line = run.at("line", name); !line.is_null()) {
          const std::string where = text("it line ", line.as_integer(name), ": ");
          EXPECT_TRUE(got.error.starts_with(where)) << got.error << "\nwanted " << where << reason;
          if (reasons) {
            EXPECT_EQ(got.error, where + reason);
          }
        }
        if (reason == "beyond 64 bits") {
          EXPECT_NE(got.error.find(reason), std::string::npos) << got.error;
        }
      }
    }
    return all.at("cases", name).as_array(name).size();
  }
};

TEST_F(TemplateGolden, Chats) { EXPECT_GE(compare("chats.json", true), 20u); }

TEST_F(TemplateGolden, Language) { EXPECT_GE(compare("language.json", false), 90u); }

TEST_F(TemplateGolden, Expressions) {
  const std::string name = "expressions.json";
  const Json all = file(name);
  const std::int64_t second = all.at("second", name).as_integer(name);
  const Json& request = all.at("with", name);
  for (const Json& e : all.at("expressions", name).as_array(name)) {
    const Json::Array& parts = e.as_array(name);
    SCOPED_TRACE(parts[0].as_string(name));
    const Outcome got = render("{{ " + parts[0].as_string(name) + " }}", request, second);
    if (parts.size() == 2) {
      EXPECT_EQ(got.error, "");
      EXPECT_EQ(got.rendered, parts[1].as_string(name));
      continue;
    }
    EXPECT_FALSE(got.rendered.has_value()) << *got.rendered;
    const std::string& reason = parts[2].as_string(name);
    if (reason == "not supported") {
      EXPECT_EQ(got.kind, ErrorKind::kUnsupported) << got.error;
    }
    if (reason == "beyond 64 bits") {
      EXPECT_NE(got.error.find(reason), std::string::npos) << got.error;
    }
  }
}

}  // namespace
}  // namespace ttt
