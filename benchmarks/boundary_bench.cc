// Measures how fast batches cross the sandbox boundary, each way, through the same facade that the engine uses: 1 MiB
// per call, no queue, no second thread. Prints one JSON object; run.py starts it. Usage: boundary_bench <folder of the
// guests>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/testing/refusing_services.h"

namespace rapidbyte {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20U;
constexpr uint64_t kBlocks = 4096;  // 4 GiB: about half a second, long against the clock and the call itself
constexpr int kRepetitions = 5;

/// Drops what is emitted; returns recycled, uninitialised blocks: nothing but the crossing touches their bytes.
class Ends : public runtime::RefusingServices {
 public:
  explicit Ends(std::shared_ptr<BufferPool> pool) : pool_(std::move(pool)) {}
  Status emit_batch(std::span<const std::byte> batch) override {
    received_ += batch.size();
    return {};
  }
  Result<std::optional<PooledBuffer>> next_batch() override {
    if (left_ == 0) return std::optional<PooledBuffer>();
    --left_;
    return std::optional<PooledBuffer>(pool_->acquire(kBlockBytes));
  }
  void refill() { left_ = kBlocks; }
  [[nodiscard]] uint64_t received() const { return received_; }

 private:
  std::shared_ptr<BufferPool> pool_;
  uint64_t left_ = 0;
  uint64_t received_ = 0;
};

double gigabytes_per_second(std::chrono::steady_clock::time_point began) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  return static_cast<double>(kBlocks * kBlockBytes) / 1e9 / seconds.count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// The limit of this machine: one memcpy of such blocks between two buffers.
double memcpy_gigabytes_per_second() {
  std::vector<char> from(kBlockBytes, 7);
  std::vector<char> to(kBlockBytes, 1);
  const auto began = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < kBlocks; ++i) {
    from[i % kBlockBytes] = static_cast<char>(i);
    std::memcpy(to.data(), from.data(), kBlockBytes);
    // The compiler must not see through the loop.
    asm volatile("" : : "r"(to.data()) : "memory");
  }
  return gigabytes_per_second(began);
}

Result<std::unique_ptr<runtime::ComponentInstance>> open_guest(runtime::ComponentRuntime& runtime,
                                                               const char* reference, runtime::ConnectorRole role,
                                                               const std::shared_ptr<Ends>& ends) {
  RB_ASSIGN_OR_RETURN(auto connector, runtime.load(reference, role));
  runtime::InstanceOptions options;
  options.pipeline = "bench";
  options.stream = "blocks";
  options.connector_id = reference;
  options.services = ends;
  RB_ASSIGN_OR_RETURN(auto instance, runtime.instantiate(std::move(connector), std::move(options)));
  RB_RETURN_NOT_OK(instance->open());
  return instance;
}

Status run(const char* folder) {
  runtime::RuntimeOptions options;
  options.connector_dir = folder;
  options.allow_unmanifested = true;
  RB_ASSIGN_OR_RETURN(auto runtime, runtime::make_component_runtime(options));
  auto pool = std::make_shared<BufferPool>(4 * kBlockBytes);
  auto ends = std::make_shared<Ends>(pool);
  RB_ASSIGN_OR_RETURN(auto source, open_guest(*runtime, "bench-emit", runtime::ConnectorRole::kSource, ends));
  RB_ASSIGN_OR_RETURN(auto destination, open_guest(*runtime, "bench-take", runtime::ConnectorRole::kDestination, ends));
  std::vector<double> emit;
  std::vector<double> take;
  std::vector<double> copy;
  // One round more than counted: the first one warms caches and pages.
  for (int i = 0; i <= kRepetitions; ++i) {
    copy.push_back(memcpy_gigabytes_per_second());
    auto began = std::chrono::steady_clock::now();
    RB_ASSIGN_OR_RETURN(const auto read, source->run_read(std::to_string(kBlocks)));
    emit.push_back(gigabytes_per_second(began));
    ends->refill();
    began = std::chrono::steady_clock::now();
    RB_ASSIGN_OR_RETURN(const auto written, destination->run_write("{}"));
    take.push_back(gigabytes_per_second(began));
    if (read.batches_emitted != kBlocks || written.batches_written != kBlocks) {
      return internal_error("BENCH", "not every block crossed the boundary");
    }
    if (i == 0) {
      copy.clear();
      emit.clear();
      take.clear();
    }
  }
  RB_RETURN_NOT_OK(source->close());
  RB_RETURN_NOT_OK(destination->close());
  fmt::print(R"({{"emit_gb_per_s": {:.3f}, "next_gb_per_s": {:.3f}, "memcpy_gb_per_s": {:.3f}, "received": {}}})"
             "\n",
             median(emit), median(take), median(copy), ends->received());
  return {};
}

}  // namespace
}  // namespace rapidbyte

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: boundary_bench FOLDER_OF_GUESTS\n", stderr);
    return 2;
  }
  const rapidbyte::Status status = rapidbyte::run(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "boundary_bench: %s\n", status.to_string().c_str());
  return 1;
}
