#include "rapidbyte/pipeline/problem.h"

#include <gtest/gtest.h>

#include "rapidbyte/base/log.h"

namespace rapidbyte::pipeline {
namespace {

TEST(Problem, IsOneLineWithFilePlaceKeyAndMessage) {
  EXPECT_EQ(format_problem("pipeline.yaml", {{7, 3}, "destination.wrte_mode", "unknown key; did you mean write_mode?"}),
            "pipeline.yaml:7:3: destination.wrte_mode: unknown key; did you mean write_mode?");
  EXPECT_EQ(format_problem("p.yaml", {{2, 1}, "", "not valid YAML"}), "p.yaml:2:1: not valid YAML");
  EXPECT_EQ(format_problem("p.yaml", {{}, "", "cannot be opened"}), "p.yaml: cannot be opened");
  EXPECT_EQ(format_problems("p.yaml", {{{1, 2}, "a", "b"}, {{3, 4}, "c", "d"}}), "p.yaml:1:2: a: b\np.yaml:3:4: c: d");
}

TEST(Problem, NeverShowsSecretsOrControlCharacters) {
  add_secret("problem-test-secret");
  EXPECT_EQ(format_problem("p.yaml", {{1, 1}, "a", "unknown value 'problem-test-secret'\x1B[2J\n"}),
            "p.yaml:1:1: a: unknown value '***'\\x1b[2J\\x0a");
}

TEST(Problem, KeyPathsAreReadablePointers) {
  EXPECT_EQ(key_path_of_pointer(""), "");
  EXPECT_EQ(key_path_of_pointer("/source/streams/1/name"), "source.streams[1].name");
  EXPECT_EQ(key_path_of_pointer("/transforms/0"), "transforms[0]");
  EXPECT_EQ(key_path_of_pointer("/a~1b/c~0d"), "a/b.c~d");
}

}  // namespace
}  // namespace rapidbyte::pipeline
