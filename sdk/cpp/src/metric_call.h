#pragma once
// The one host function whose JSON the SDK builds itself: implemented per build (component, native), used by host.cc.

#include <string_view>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk::host {

/// The protocol's `metric`.
Status send_metric(std::string_view payload_json);

}  // namespace rapidbyte::sdk::host
