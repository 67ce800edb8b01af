// JSON that a guest writes, through the functions that take it: catalog, checkpoint, metric, an error's details, and
// the plain door with every set of limits.

#include <memory>

#include "fuzz_input.h"
#include "rapidbyte/base/redacted_json.h"
#include "rapidbyte/base/redaction.h"
#include "rapidbyte/protocol/catalog.h"
#include "rapidbyte/protocol/checkpoint.h"
#include "rapidbyte/protocol/untrusted_json.h"
#include "rapidbyte/runtime/sandbox/host_state.h"
#include "rapidbyte/runtime/testing/refusing_services.h"

using namespace rapidbyte;

namespace {

constexpr const char* kSecret = "canary-Pa55word";

/// What reached the engine must be sound again.
class CheckingServices : public runtime::RefusingServices {
 public:
  Status checkpoint(runtime::CheckpointKind /*kind*/, protocol::Checkpoint checkpoint) override {
    const auto again = protocol::Checkpoint::parse(checkpoint.text(), protocol::kReceiptLimits);
    fuzz::check(again.ok() && again->text() == checkpoint.text(), "a checkpoint that was taken reads the same");
    const auto cursor = checkpoint.cursor();
    fuzz::check(protocol::CursorValue::carried(cursor.to_json()) == cursor, "a position is carried as it is");
    return {};
  }
  void metric(const runtime::Metric& metric) override { (void)metric; }
};

void check_door(std::string_view text, const protocol::JsonLimits& limits) {
  const auto value = protocol::parse_untrusted(text, limits);
  fuzz::check(value.ok() == protocol::is_sound_json(text, limits), "looking and building agree");
  if (!value.ok()) return;
  const nlohmann::json copy = *value;
  fuzz::check(copy == *value, "a copy is equal");
  const std::string written = protocol::json_text(copy);
  const auto again = protocol::parse_untrusted(written, protocol::kContextLimits);
  fuzz::check(again.ok() && protocol::json_text(*again) == written, "what was written reads the same");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static const bool known = (add_secret(kSecret), true);
  fuzz::Input input(data, size);
  const uint8_t choice = input.byte();
  const std::string text(input.text());
  if (choice % 4 == 0) {
    const auto catalog = protocol::parse_catalog(text, "source-x");
    if (!catalog.ok()) return 0;
    for (size_t i = 0; i < catalog->streams.size(); ++i) {
      const auto& stream = catalog->streams[i];
      fuzz::check(catalog->find(stream.name) == &stream, "every stream is found by its name");
      fuzz::check(catalog->columns_json(i).size() == stream.columns.size(), "both lists of columns are the same");
    }
    return 0;
  }
  if (choice % 4 == 1) {
    for (const auto& limits :
         {protocol::kCheckpointLimits, protocol::kReceiptLimits, protocol::kMetricLimits, protocol::kDetailsLimits,
          protocol::kPartitionsLimits, protocol::kRecordLimits, protocol::JsonLimits{1000, 3, 20}})
      check_door(text, limits);
    const std::string details = redacted_foreign_json(text);
    fuzz::check(details.find(kSecret) == std::string::npos, "no secret is left in details");
    if (protocol::parse_untrusted(text, protocol::kDetailsLimits).ok())
      fuzz::check(protocol::is_sound_json(details, protocol::kDetailsLimits), "redacted details are JSON again");
    return 0;
  }
  runtime::InstanceOptions options;
  options.services = std::make_shared<CheckingServices>();
  runtime::ComponentHostState host(std::move(options), runtime::NetworkAcl(), false);
  if (choice % 4 == 2) (void)host.checkpoint(choice / 4 % 3, text);
  if (choice % 4 == 3) (void)host.metric(text);
  return 0;
}
