// A batch of another writer through a real destination: arrow-rs up to version 53 aligns the struct vectors of a header
// to 4 bytes (sdk/cpp/tests/data/README.md).

#include <fstream>
#include <iterator>

#include "guest_fixture.h"

namespace rapidbyte::runtime {
namespace {

class Covered : public RecordingServices {
 public:
  Result<std::optional<PooledBuffer>> next_batch() override {
    if (!batches.empty()) ++taken;
    return RecordingServices::next_batch();
  }
  Result<std::optional<std::string>> pending_checkpoint() override {
    return std::optional<std::string>(R"({"kind": "source", "batches_covered": )" + std::to_string(taken) + "}");
  }
  int taken = 0;
};

TEST_F(GuestTest, ADestinationTakesBatchesWhoseHeaderVectorsLieOnFourBytes) {
  auto runtime = make_component_runtime({RB_CONNECTORS, true});
  ASSERT_TRUE(runtime.ok()) << runtime.status().to_string();
  auto services = std::make_shared<Covered>();
  services->has_input = true;
  options_.services = services;
  for (const int columns : {1, 2, 9}) {
    std::ifstream file(std::string(RB_ARROW_FILES) + "/arrow_rs_53_" + std::to_string(columns) + ".arrows",
                       std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    ASSERT_FALSE(bytes.empty());
    services->batches.push_back(services->pool.copy_of(std::as_bytes(std::span(bytes))));
  }
  const auto connector = (*runtime)->load("dest-discard", ConnectorRole::kDestination);
  ASSERT_TRUE(connector.ok()) << connector.status().to_string();
  const auto instance = (*runtime)->instantiate(*connector, options_);
  ASSERT_TRUE(instance.ok()) << instance.status().to_string();
  ASSERT_TRUE((*instance)->open().ok());
  const auto written = (*instance)->run_write(R"({"stream_name": "t"})");
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_EQ(written->batches_written, 3U);
  EXPECT_EQ(written->records_written, 15U);
  EXPECT_TRUE((*instance)->close().ok());
}

}  // namespace
}  // namespace rapidbyte::runtime
