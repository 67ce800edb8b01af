#pragma once
// Adapters from an author's struct to the exports: parse the JSON, call the member if the struct has it, convert the
// answer. Included only by connector.h; only the RAPIDBYTE_* macros name these types.

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::sdk {

namespace adapter {

/// NOT_OPEN (internal): the host called a function before open() or after close().
Status not_open(std::string_view function);

template <typename T>
Status open(std::optional<T>& impl, std::string_view config_json) {
  static_assert(
      requires(T t, const Json& json) {
        { t.open(json) } -> std::same_as<Status>;
      }, "a connector needs: Status open(const Json& config)");
  RB_SDK_ASSIGN_OR_RETURN(Json config, parse_json(config_json));
  impl.emplace();
  return impl->open(config);
}

template <typename T>
Result<Validation> validate(std::optional<T>& impl) {
  if (!impl) return not_open("validate");
  // Looks the member up by name alone, so that one with a wrong signature is a compiler error instead of being ignored.
  if constexpr (requires { &T::validate; }) {
    return impl->validate();
  } else {
    return Validation::success();
  }
}

template <typename T>
Status close(std::optional<T>& impl) {
  Status status;
  if constexpr (requires { &T::close; }) {
    if (impl) status = impl->close();
  }
  impl.reset();
  return status;
}

std::string partitions_text(const std::vector<Json>& partitions);

/// The streams of a "references" question, which arrives through last-committed; nullopt when it is not one.
std::optional<std::vector<std::string>> asked_references(std::string_view ctx_json);
std::string references_text(const std::vector<StreamReference>& references);

/// Whether run-transform is asked for the plan of a stream, not for its rows (feature "plan").
bool asked_plan(const StreamContext& ctx);
/// Sends the answer to the host.
Status answer_plan(const TransformPlan& plan);

}  // namespace adapter

template <typename T>
class SourceAdapter final : public SourceConnector {
  static_assert(
      requires(T t) {
        { t.discover() } -> std::same_as<Result<Catalog>>;
      }, "a source needs: Result<Catalog> discover()");
  static_assert(
      requires(T t, const StreamContext& ctx) {
        { t.read(ctx) } -> std::same_as<Result<ReadSummary>>;
      }, "a source needs: Result<ReadSummary> read(const StreamContext&)");

 public:
  Status open(std::string_view config_json) override { return adapter::open(impl_, config_json); }
  Result<std::string> discover() override {
    if (!impl_) return adapter::not_open("discover");
    RB_SDK_ASSIGN_OR_RETURN(const Catalog catalog, impl_->discover());
    return catalog.to_text();
  }
  Result<Validation> validate() override { return adapter::validate(impl_); }
  Result<ReadSummary> run_read(std::string_view ctx_json) override {
    if (!impl_) return adapter::not_open("run-read");
    RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
    return impl_->read(ctx);
  }
  Status close() override { return adapter::close(impl_); }
  Result<std::string> plan_partitions(std::string_view ctx_json, uint32_t want) override {
    if (!impl_) return adapter::not_open("plan-partitions");
    if constexpr (requires { &T::plan_partitions; }) {
      RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
      RB_SDK_ASSIGN_OR_RETURN(const std::vector<Json> partitions, impl_->plan_partitions(ctx, want));
      return adapter::partitions_text(partitions);
    } else {
      return std::string("[]");
    }
  }

 private:
  std::optional<T> impl_;
};

template <typename T>
class DestinationAdapter final : public DestinationConnector {
  static_assert(
      requires(T t, const StreamContext& ctx) {
        { t.write(ctx) } -> std::same_as<Result<WriteSummary>>;
      }, "a destination needs: Result<WriteSummary> write(const StreamContext&)");

 public:
  Status open(std::string_view config_json) override { return adapter::open(impl_, config_json); }
  Result<Validation> validate() override { return adapter::validate(impl_); }
  Result<WriteSummary> run_write(std::string_view ctx_json) override {
    if (!impl_) return adapter::not_open("run-write");
    RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
    return impl_->write(ctx);
  }
  Status close() override { return adapter::close(impl_); }
  Status begin_stream(std::string_view ctx_json) override {
    if (!impl_) return adapter::not_open("begin-stream");
    if constexpr (requires { &T::begin_stream; }) {
      RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
      return impl_->begin_stream(ctx);
    } else {
      return {};
    }
  }
  Status finish_stream(std::string_view ctx_json, bool succeeded) override {
    if (!impl_) return adapter::not_open("finish-stream");
    if constexpr (requires { &T::finish_stream; }) {
      RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
      return impl_->finish_stream(ctx, succeeded);
    } else {
      return {};
    }
  }
  Result<std::optional<std::string>> last_committed(std::string_view ctx_json) override {
    if (!impl_) return adapter::not_open("last-committed");
    if constexpr (requires { &T::references; }) {
      if (const auto streams = adapter::asked_references(ctx_json)) {
        RB_SDK_ASSIGN_OR_RETURN(const std::vector<StreamReference> found, impl_->references(*streams));
        return std::optional<std::string>(adapter::references_text(found));
      }
    }
    if constexpr (requires { &T::last_committed; }) {
      RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
      return impl_->last_committed(ctx);
    } else {
      return std::optional<std::string>();
    }
  }

 private:
  std::optional<T> impl_;
};

template <typename T>
class TransformAdapter final : public TransformConnector {
  static_assert(
      requires(T t, const StreamContext& ctx) {
        { t.transform(ctx) } -> std::same_as<Result<TransformSummary>>;
      }, "a transform needs: Result<TransformSummary> transform(const StreamContext&)");

 public:
  Status open(std::string_view config_json) override { return adapter::open(impl_, config_json); }
  Result<Validation> validate() override { return adapter::validate(impl_); }
  Result<TransformSummary> run_transform(std::string_view ctx_json) override {
    if (!impl_) return adapter::not_open("run-transform");
    RB_SDK_ASSIGN_OR_RETURN(const StreamContext ctx, StreamContext::parse(ctx_json));
    if constexpr (requires { &T::plan; }) {
      if (adapter::asked_plan(ctx)) {
        RB_SDK_ASSIGN_OR_RETURN(const TransformPlan plan, impl_->plan(ctx));
        RB_SDK_RETURN_NOT_OK(adapter::answer_plan(plan));
        return TransformSummary();
      }
    }
    return impl_->transform(ctx);
  }
  Status close() override { return adapter::close(impl_); }

 private:
  std::optional<T> impl_;
};

}  // namespace rapidbyte::sdk
