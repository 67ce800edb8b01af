// Whatever a broken or hostile component does ends as a typed error that names the connector and the stream, in time,
// and the next instance works.

#include <wasmtime.h>
#include <cstring>
#include <thread>

#include "guest_fixture.h"
#include "rapidbyte/base/redaction.h"
#include "rapidbyte/base/sha256.h"
#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

namespace rapidbyte::runtime {
namespace {

using Clock = std::chrono::steady_clock;

struct Hostile {
  const char* action;
  const char* code;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.action << " ends as " << hostile.code; }

class HostileGuest : public GuestTest, public ::testing::WithParamInterface<Hostile> {};
INSTANTIATE_TEST_SUITE_P(Each, HostileGuest,
                         ::testing::Values(Hostile{"trap", "GUEST_TRAP"}, Hostile{"loop", "GUEST_TIMEOUT"},
                                           Hostile{"loop_log", "GUEST_TIMEOUT"}, Hostile{"exit", "GUEST_EXIT"},
                                           Hostile{"recurse", "STACK_OVERFLOW|GUEST_TRAP"},
                                           Hostile{"grow", "MEMORY_LIMIT"}, Hostile{"refused_then_trap", "GUEST_TRAP"},
                                           Hostile{"sleep", "GUEST_TIMEOUT"},
                                           Hostile{"sleep_in_slices", "GUEST_TIMEOUT"}),
                         [](const auto& info) { return std::string(info.param.action); });

TEST_F(GuestTest, TheLastWordsOnStderrAreShownWithTheCrash) {
  add_secret("guest-panic-secret");
  auto guest = start("source-200", ConnectorRole::kSource, {{"action", "panic"}});
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->open().ok());
  const auto result = guest->run_read("{}");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "GUEST_TRAP");
  EXPECT_NE(result.error().message.find("stderr:\npanicked at orders.rs:7:\nno such \\x1b[31mrow: ***"),
            std::string::npos)
      << result.error().message;
}

TEST_F(GuestTest, AGuestDoesNotSpeakWithTheCodesOfTheHost) {
  for (const char* code : {"CANCELLED", "GUEST_TRAP", "INSTANCE_POISONED", "PIPELINE_LOCKED", "STATE_BACKEND"}) {
    auto guest = start("source-200", ConnectorRole::kSource, {{"action", "error"}, {"code", code}});
    ASSERT_TRUE(guest);
    EXPECT_EQ(guest->open().error().code, std::string("CONNECTOR_") + code);
  }
}

TEST_P(HostileGuest, EndsAsATypedErrorWithinTheDeadlineAndTheNextOneWorks) {
  // Growing is done, not waited for: on a busy machine it takes its time.
  options_.guest_timeout = std::chrono::milliseconds(std::string_view(GetParam().action) == "grow" ? 5000 : 400);
  options_.max_memory = uint64_t{256} << 20U;
  options_.stream = "orders";
  auto guest = start("source-200", ConnectorRole::kSource, {{"action", GetParam().action}});
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->open().ok());
  const auto begin = Clock::now();
  const auto result = guest->run_read("{}");
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(std::string(GetParam().code).find(result.error().code), std::string::npos) << result.status().to_string();
  EXPECT_NE(result.error().message.find("source-200, stream orders"), std::string::npos) << result.error().message;
  EXPECT_LE(guest->peak_memory_bytes(), options_.max_memory);

  const auto again = guest->validate();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, "INSTANCE_POISONED");
  EXPECT_TRUE(guest->close().ok());

  services_ = std::make_shared<RecordingServices>();
  auto next = start("source-200", ConnectorRole::kSource, {{"batches", 3}});
  ASSERT_TRUE(next);
  ASSERT_TRUE(next->open().ok());
  EXPECT_TRUE(next->run_read("{}").ok());
  EXPECT_EQ(services_->batches.size(), 3U);
}

TEST_F(GuestTest, MemoryBeyondTheLimitIsRefusedAndTheGuestContinues) {
  options_.max_memory = uint64_t{64} << 20U;
  EXPECT_EQ(*perform({{"action", "malloc"}, {"mib", 32}}), "got it");
  EXPECT_EQ(*perform({{"action", "malloc"}, {"mib", 100}}), "refused");
}

TEST_F(GuestTest, AnEmptyBatchIsRefused) {
  EXPECT_EQ(perform({{"action", "empty_batch"}})->substr(0, 28), "error EMPTY_BATCH category 8");
  EXPECT_TRUE(services_->batches.empty());
}

TEST_F(GuestTest, ABatchAboveTheLimitIsRefusedBeforeItIsCopied) {
  options_.max_batch_bytes = 1000;
  EXPECT_EQ(*perform({{"action", "emit"}, {"size", 1000}}), "ok");
  EXPECT_EQ(perform({{"action", "emit"}, {"size", 1001}})->substr(0, 21), "error BATCH_TOO_LARGE");
}

TEST_F(GuestTest, ALargeBatchCrossesWhole) {
  EXPECT_EQ(*perform({{"action", "emit"}, {"size", 60 << 20}}), "ok");
  ASSERT_EQ(services_->batches.size(), 1U);
  EXPECT_EQ(services_->batches[0].size(), size_t{60} << 20U);
}

TEST_F(GuestTest, JsonNestedAHundredThousandDeepIsRefused) {
  EXPECT_EQ(perform({{"action", "deep_checkpoint"}})->substr(0, 22), "error PARSE_CHECKPOINT");
  EXPECT_EQ(perform({{"action", "deep_metric"}})->substr(0, 18), "error PARSE_METRIC");
  EXPECT_TRUE(services_->checkpoints.empty());
  options_.config = {{"action", "error"}, {"count", 100'000}};
  auto guest = start("source-200", ConnectorRole::kSource, options_.config);
  const Status opened = guest->open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, "TOO_FAST");
  EXPECT_NE(opened.error().details_json->find("left_out"), std::string::npos);
}

TEST_F(GuestTest, AnUnknownSocketIsRefused) {
  EXPECT_EQ(perform({{"action", "bad_handle"}})->substr(0, 20), "error INVALID_SOCKET");
}

TEST_F(GuestTest, ALogLineOf10MBIsCut) {
  EXPECT_EQ(*perform({{"action", "long_log"}, {"size", 10 << 20}}), "ok");
  ASSERT_EQ(services_->lines.size(), 1U);
  EXPECT_LT(services_->lines[0].second.size(), 9000U);
  EXPECT_NE(services_->lines[0].second.find("10485760 bytes"), std::string::npos);
}

TEST_F(GuestTest, CancellationStopsAGuestThatDoesNotListen) {
  auto guest = start("source-200", ConnectorRole::kSource, {{"action", "loop"}});
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->open().ok());
  std::thread canceller([cancel = options_.cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.cancel();
  });
  const auto begin = Clock::now();
  const auto result = guest->run_read("{}");
  canceller.join();
  EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(2000));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "CANCELLED");
}

TEST_F(GuestTest, CancellationWakesAGuestThatSleepsForAnHour) {
  auto guest = start("source-200", ConnectorRole::kSource, {{"action", "sleep"}});
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->open().ok());
  std::thread canceller([cancel = options_.cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.cancel();
  });
  const auto begin = Clock::now();
  const auto result = guest->run_read("{}");
  canceller.join();
  EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(2000));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "CANCELLED") << result.status().to_string();
}

TEST_F(GuestTest, AGuestThatSleepsWakesWhenItsTimeHasCome) {
  // Longer than the slice in which the host asks whether it may continue.
  const auto begin = Clock::now();
  const auto result = perform({{"action", "sleep"}, {"ms", 120}});
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(*result, "slept");
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(120));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(GuestTest, AfterCancellationHostCallsSaySo) {
  auto guest = start("source-200", ConnectorRole::kSource, {{"batches", 5}});
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->open().ok());
  options_.cancel.cancel();
  const auto result = guest->run_read("{}");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, "CANCELLED");
  EXPECT_TRUE(guest->close().ok());
}

// Components that no toolchain produces: written as text.
class OddComponent : public GuestTest {
 protected:
  static ComponentFile assemble(std::string_view wat) {
    wasm_byte_vec_t binary;
    wasmtime_error_t* error = wasmtime_wat2wasm(wat.data(), wat.size(), &binary);
    EXPECT_EQ(error, nullptr);
    std::vector<std::byte> bytes(binary.size);
    std::memcpy(bytes.data(), binary.data, binary.size);
    wasm_byte_vec_delete(&binary);
    std::string digest = sha256_hex(bytes);
    return of_bytes(std::move(digest), std::move(bytes));
  }
  static ComponentFile of_bytes(std::string digest, std::vector<std::byte> bytes) {
    return {std::move(digest), [bytes = std::move(bytes)] { return Result(bytes); }};
  }
  void SetUp() override {
    auto made = WasmRuntime::create(AotCache(std::nullopt));
    ASSERT_TRUE(made.ok());
    wasm_ = std::move(*made);
  }
  std::unique_ptr<WasmRuntime> wasm_;
};

TEST_F(OddComponent, AMissingExportIsNamed) {
  const auto bytes =
      assemble(R"((component (instance $i) (export "rapidbyte:connector/source-connector@2.0.0" (instance $i))))");
  auto loaded = wasm_->load(bytes, "hollow");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  InstanceOptions options;
  options.services = services_;
  auto guest = wasm_->start_guest(*loaded, std::make_unique<ComponentHostState>(options, NetworkAcl(), true), {});
  ASSERT_TRUE(guest.ok()) << guest.status().to_string();
  const GuestArgument argument = std::string_view("{}");
  const Status status = (*guest)->call("open", std::span(&argument, 1), &decode_unit);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "EXPORT_MISSING");
  EXPECT_NE(status.error().message.find("open"), std::string::npos);
}

TEST_F(OddComponent, AnotherProtocolIsRefusedByName) {
  const auto newer = wasm_->load(
      assemble(R"((component (instance $i) (export "rapidbyte:connector/source-connector@3.1.0" (instance $i))))"),
      "newer");
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code, "PROTOCOL_MISMATCH");
  EXPECT_NE(newer.error().message.find("host speaks 2.0, 2.1; connector speaks 3.1.0"), std::string::npos)
      << newer.error().message;
  const auto other = wasm_->load(assemble(R"((component (import "rapidbyte:plugin/host@5.0.0" (instance))))"), "other");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, "PROTOCOL_MISMATCH");
}

TEST_F(OddComponent, WhatIsNoConnectorIsRefused) {
  for (const ComponentFile& file :
       {assemble("(component)"), assemble("(module)"), of_bytes("sevens", std::vector<std::byte>(100, std::byte{7})),
        of_bytes("nothing", {})}) {
    const auto loaded = wasm_->load(file, "odd");
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().code, "COMPONENT_INVALID") << loaded.status().to_string();
  }
}

TEST_F(OddComponent, AnImportThatIsNotOfferedIsNamed) {
  const auto bytes =
      assemble(R"((component (import "wasi:http/types@0.2.0" (instance (export "f" (func)))) (instance $i)
    (export "rapidbyte:connector/source-connector@2.0.0" (instance $i))))");
  auto loaded = wasm_->load(bytes, "greedy");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  InstanceOptions options;
  options.services = services_;
  const auto guest = wasm_->start_guest(*loaded, std::make_unique<ComponentHostState>(options, NetworkAcl(), true), {});
  ASSERT_FALSE(guest.ok());
  EXPECT_EQ(guest.error().code, "COMPONENT_INVALID");
  EXPECT_NE(guest.error().message.find("wasi:http/types"), std::string::npos) << guest.error().message;
}

TEST_F(OddComponent, AMemoryLargerThanTheLimitDoesNotStart) {
  const auto bytes =
      assemble(R"((component (core module $m (memory 4096)) (core instance $c (instantiate $m)) (instance $i)
    (export "rapidbyte:connector/source-connector@2.0.0" (instance $i))))");
  auto loaded = wasm_->load(bytes, "greedy");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  InstanceOptions options;
  options.services = services_;
  options.max_memory = uint64_t{64} << 20U;
  const auto guest = wasm_->start_guest(*loaded, std::make_unique<ComponentHostState>(options, NetworkAcl(), true), {});
  ASSERT_FALSE(guest.ok());
  EXPECT_EQ(guest.error().code, "MEMORY_LIMIT") << guest.status().to_string();
}

TEST_F(OddComponent, SeveralMemoriesShareOneLimit) {
  const auto bytes = assemble(
      R"((component (core module $m (memory 512)) (core instance (instantiate $m)) (core instance (instantiate $m))
    (core instance (instantiate $m)) (instance $i) (export "rapidbyte:connector/source-connector@2.0.0" (instance $i))))");
  auto loaded = wasm_->load(bytes, "many");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  InstanceOptions options;
  options.services = services_;
  options.max_memory = uint64_t{80} << 20U;  // three memories of 32 MiB
  const auto guest = wasm_->start_guest(*loaded, std::make_unique<ComponentHostState>(options, NetworkAcl(), true), {});
  ASSERT_FALSE(guest.ok());
  EXPECT_EQ(guest.error().code, "MEMORY_LIMIT") << guest.status().to_string();
}

}  // namespace
}  // namespace rapidbyte::runtime
