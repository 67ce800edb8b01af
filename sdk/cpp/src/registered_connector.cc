#include "rapidbyte/sdk/registered_connector.h"

#include <string>
#include <vector>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk {
namespace {

// What a component is when nothing of its own is wanted.
class NoSource final : public SourceConnector {
 public:
  explicit NoSource(Status why) : why_(std::move(why)) {}
  Status open(std::string_view) override { return why_; }
  Result<std::string> discover() override { return why_; }
  Result<Validation> validate() override { return why_; }
  Result<ReadSummary> run_read(std::string_view) override { return why_; }
  Status close() override { return {}; }
  Result<std::string> plan_partitions(std::string_view, uint32_t) override { return why_; }

 private:
  Status why_;
};

class NoDestination final : public DestinationConnector {
 public:
  explicit NoDestination(Status why) : why_(std::move(why)) {}
  Status open(std::string_view) override { return why_; }
  Result<Validation> validate() override { return why_; }
  Result<WriteSummary> run_write(std::string_view) override { return why_; }
  Status close() override { return {}; }
  Status begin_stream(std::string_view) override { return why_; }
  Status finish_stream(std::string_view, bool) override { return why_; }
  Result<std::optional<std::string>> last_committed(std::string_view) override { return why_; }

 private:
  Status why_;
};

class NoTransform final : public TransformConnector {
 public:
  explicit NoTransform(Status why) : why_(std::move(why)) {}
  Status open(std::string_view) override { return why_; }
  Result<Validation> validate() override { return why_; }
  Result<TransformSummary> run_transform(std::string_view) override { return why_; }
  Status close() override { return {}; }

 private:
  Status why_;
};

template <typename Interface>
using Maker = std::unique_ptr<Interface> (*RegisteredConnector::*)();

template <typename Interface, typename None>
std::unique_ptr<Interface> make(std::span<const RegisteredConnector> all, Maker<Interface> member,
                                std::string_view role) {
  const std::vector<std::string> arguments = host::arguments();
  std::string known;
  for (const RegisteredConnector& one : all) {
    if (one.*member == nullptr) continue;
    if (!arguments.empty() && one.name == arguments.front()) return (one.*member)();
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  std::string message = "this component has no " + std::string(role) + " ";
  message += arguments.empty() ? "without a name" : "`" + arguments.front() + "`";
  message += known.empty() ? ", and none at all" : "; it has " + known;
  message += ". artifact.arguments of the manifest says which one it is: install the connector again";
  return std::make_unique<None>(config_error(codes::kConnectorUnknown, std::move(message)));
}

}  // namespace

std::unique_ptr<SourceConnector> make_registered_source(std::span<const RegisteredConnector> all) {
  return make<SourceConnector, NoSource>(all, &RegisteredConnector::source, "source");
}
std::unique_ptr<DestinationConnector> make_registered_destination(std::span<const RegisteredConnector> all) {
  return make<DestinationConnector, NoDestination>(all, &RegisteredConnector::destination, "destination");
}
std::unique_ptr<TransformConnector> make_registered_transform(std::span<const RegisteredConnector> all) {
  return make<TransformConnector, NoTransform>(all, &RegisteredConnector::transform, "transform");
}

}  // namespace rapidbyte::sdk
