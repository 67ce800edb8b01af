#include "rapidbyte/pipeline/yaml_tree.h"

#include <gtest/gtest.h>

#include <memory>

namespace rapidbyte::pipeline {
namespace {

using nlohmann::json;

struct Read {
  std::unique_ptr<YamlTree> tree = std::make_unique<YamlTree>();
  std::vector<Problem> problems;
};

Read read(std::string_view text) {
  Read result;
  result.tree->read(text, result.problems);
  return result;
}

std::string problems_of(std::string_view text) { return format_problems("f", read(text).problems); }

TEST(YamlTree, TypesPlainScalarsAndKeepsQuotedOnesAsText) {
  const Read r = read(R"(
port: 5432
quoted: "5432"
single: '0.5'
block: |
  12
folded: >-
  a
  b
tagged: !!str 7
number: !!int "7"
zip: 01234
big: 12345678901234567890123
empty:
nothing: ~
flow: {x, y: }
list: [1, "1", true, null, x]
nested: {a: {b: [{c: d}]}}
)");
  ASSERT_EQ(format_problems("f", r.problems), "");
  EXPECT_EQ(to_json(*r.tree->root()), json::parse(R"({
    "port": 5432, "quoted": "5432", "single": "0.5", "block": "12\n", "folded": "a b", "tagged": "7", "number": 7,
    "zip": "01234", "big": "12345678901234567890123", "empty": null, "nothing": null, "flow": {"x": null, "y": null}, "list": [1, "1", true, null, "x"],
    "nested": {"a": {"b": [{"c": "d"}]}}})"));
}

TEST(YamlTree, LocatesValuesByPointerAndFallsBackToWhatExists) {
  const Read r = read("a:\n  - x: 1\n    y/z: 2\n  - 3\n\xC3\xA9t\xC3\xA9: {k: v}\n");
  ASSERT_EQ(format_problems("f", r.problems), "");
  const auto at = [&](std::string_view pointer) { return *r.tree->locate(pointer); };
  EXPECT_EQ(at(""), (SourceLocation{1, 1}));
  EXPECT_EQ(at("/a"), (SourceLocation{1, 1}));
  EXPECT_EQ(at("/a/0"), (SourceLocation{2, 5}));
  EXPECT_EQ(at("/a/0/x"), (SourceLocation{2, 5}));
  EXPECT_EQ(at("/a/0/y~1z"), (SourceLocation{3, 5}));
  EXPECT_EQ(at("/a/1"), (SourceLocation{4, 5}));
  EXPECT_EQ(at("/a/0/missing"), (SourceLocation{2, 5}));
  EXPECT_EQ(at("/a/7/x"), (SourceLocation{1, 1}));
  // Columns count characters, as an editor does.
  EXPECT_EQ(at("/\xC3\xA9t\xC3\xA9/k"), (SourceLocation{5, 7}));
  EXPECT_EQ(YamlTree().locate("/a"), std::nullopt);
}

TEST(YamlTree, FollowsAliasesAndMergeKeys) {
  const Read r = read(R"(
x-base: &base {host: h, port: 1}
x-more: &more {port: 2, user: u}
a: *base
b:
  <<: *base
  port: 9
c:
  <<: [*base, *more]
"<<": literal
)");
  ASSERT_EQ(format_problems("f", r.problems), "");
  const json value = to_json(*r.tree->root());
  EXPECT_EQ(value["a"], json::parse(R"({"host": "h", "port": 1})"));
  EXPECT_EQ(value["b"], json::parse(R"({"host": "h", "port": 9})"));
  EXPECT_EQ(value["c"], json::parse(R"({"host": "h", "port": 1, "user": "u"})"));
  EXPECT_EQ(value["<<"], "literal");
}

TEST(YamlTree, ReportsMistakesWithTheirPlace) {
  struct Case {
    const char* what;
    std::string_view text;
    std::string_view expected;  // beginning of the message
  };
  const std::vector<Case> cases = {
      {"empty", "", "f:1:1: the file is empty"},
      {"comment only", "# nothing\n", "f:1:1: the file is empty"},
      {"duplicate", "a: 1\nb:\n  c: 1\n  c: 2\n", "f:4:3: b.c: duplicate key, first in line 3"},
      {"duplicate in flow", "{a: 1, a: 2}", "f:1:8: a: duplicate key"},
      {"second document", "a: 1\n---\nb: 2\n", "f:2:1: a second document starts here"},
      {"dedent makes a document", "- a\nb: c\n", "f:2:1: a second document starts here"},
      {"unclosed list", "a: 1\nb: [1, 2\nc: 3\n", "f:2:4: not valid YAML: a list that begins with ["},
      {"unclosed quote", "a: 1\nb: \"x\nc: 2\n", "f:2:1: not valid YAML: a quoted text is not closed"},
      {"unclosed single quote without a last line break", "a: 'x\nb: 1",
       "f:1:1: not valid YAML: a quoted text is not closed"},
      {"unclosed map", "a: 1\nb: {c: 1\n", "f:2:4: not valid YAML: a map that begins with {"},
      {"tab", "a:\n\t- b\n", "f:2:2: not valid YAML"},
      {"two colons", "a: b: c\n", "f:1:5: not valid YAML: unexpected ':'"},
      {"reserved", "a: @x\n", "f:1:4: not valid YAML: this character cannot begin a value"},
      {"substitution in flow", "a: [${A}]\n", "f:1:4: not valid YAML: a list that begins with ["},
      {"unknown alias", "a: *nope\n", "f:1:4: not valid YAML: the referenced anchor is not defined"},
      {"alias to itself", "a: &x [*x]\n", "f:1:8: a[0]: an alias refers to the value that contains it"},
      {"map key", "? [a]\n: b\n", "f:1:3: a key must be text"},
      {"null key", "~: b\n", "f:1:1: a key must be text"},
      {"no colon", "a: 1\nb:\n  c: 1\n  d\n", "f:4:3: b.d: a ':' is missing after this key"},
      {"no colon before a value", "a: 1\nb:c\n", "f:2:1: b:c: a ':' is missing after this key"},
      {"unknown tag", "a: !foo 1\n", "f:1:4: a: the tag !foo is not known"},
      {"merge of text", "a:\n  <<: x\n", "f:2:7: a.<<: << needs a map"},
      {"not UTF-8", "a: b\nc: \xFF\n", "f:2:4: not valid UTF-8"},
      {"UTF-16",
       std::string_view("\xFF\xFE"
                        "a\0",
                        4),
       "f:1:1: not valid UTF-8"},
      {"end of file character", "a: b\nc: \x04\nd: e\n", "f:2:4: control character \\x04"},
  };
  for (const Case& c : cases) {
    const Read r = read(c.text);
    ASSERT_FALSE(r.problems.empty()) << c.what;
    EXPECT_TRUE(format_problem("f", r.problems[0]).starts_with(c.expected))
        << c.what << ": " << format_problem("f", r.problems[0]);
    EXPECT_EQ(r.problems.size(), 1U) << c.what << ": " << format_problems("f", r.problems);
  }
}

TEST(YamlTree, SyntaxErrorsHintAtTabsAndUnquotedSubstitutions) {
  EXPECT_NE(problems_of("a:\n\t- b\n").find("does not allow tabs"), std::string::npos);
  EXPECT_NE(problems_of("a: [${A}]\n").find("write \"${NAME}\" in quotes"), std::string::npos);
}

TEST(YamlTree, AcceptsByteOrderMarkAndWindowsLineEnds) {
  const Read r = read(
      "\xEF\xBB\xBF"
      "a: 1\r\nb:\r\n  c: x\r\n");
  ASSERT_EQ(format_problems("f", r.problems), "");
  EXPECT_EQ(to_json(*r.tree->root()), json::parse(R"({"a": 1, "b": {"c": "x"}})"));
  EXPECT_EQ(r.tree->locate("/b/c"), (SourceLocation{3, 3}));
}

TEST(YamlTree, StaysSmallWhenAliasesMultiply) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) laughs += (j > 0 ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  EXPECT_NE(problems_of(laughs).find("too large when its aliases are followed"), std::string::npos);

  std::string texts = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 100; ++i) texts += i > 0 ? ", *a" : "*a";
  EXPECT_NE(problems_of(texts + "]\n").find("too large when its aliases are followed"), std::string::npos);

  std::string merges = "m0: &m0 {";
  for (int i = 0; i < 400; ++i) merges += "k" + std::to_string(i) + ": 1, ";
  merges += "z: 1}\n";
  for (int i = 1; i < 400; ++i) {
    merges += "m" + std::to_string(i) + ": &m" + std::to_string(i) + " {<<: *m" + std::to_string(i - 1) + "}\n";
  }
  EXPECT_NE(problems_of(merges).find("too large when its aliases are followed"), std::string::npos);
}

TEST(YamlTree, BoundsSizeDepthKeysAndNumberOfValues) {
  EXPECT_NE(problems_of(std::string(kMaxFileBytes + 1, ' ')).find("larger than 1024 KiB"), std::string::npos);
  EXPECT_NE(problems_of("a: " + std::string(70, '[') + std::string(70, ']')).find("nested deeper than 64"),
            std::string::npos);
  EXPECT_NE(problems_of(std::string(500'000, '[')).find("nested deeper than 64"), std::string::npos);
  EXPECT_NE(problems_of(std::string(kMaxKeyBytes + 1, 'k') + ": 1\n").find("a key is longer than 256"),
            std::string::npos);
  std::string many = "a: [";
  for (int i = 0; i < 120'000; ++i) many += "1, ";
  EXPECT_NE(problems_of(many + "1]").find("at most 100000 values"), std::string::npos);
  EXPECT_EQ(problems_of("a: " + std::string(60, '[') + std::string(60, ']')), "");
}

}  // namespace
}  // namespace rapidbyte::pipeline
