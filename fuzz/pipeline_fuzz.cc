// The pipeline file: YAML, ${NAME} and the checks, with variables whose values are hostile, too.

#include "fuzz_input.h"
#include "rapidbyte/pipeline/parser.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const std::string value(input.short_text());
  const std::string text(input.text());
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    if (name.starts_with("A")) return value;
    if (name.starts_with("B")) return std::string("${A}");
    return std::nullopt;
  };
  const auto outcome = pipeline::parse_pipeline_text(text, "p.yaml", lookup);
  fuzz::check(outcome.config.has_value() || !outcome.problems.empty(), "a pipeline, or what is wrong with it");
  (void)pipeline::substitute(text, lookup);
  return 0;
}
