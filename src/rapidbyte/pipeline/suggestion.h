#pragma once
// "Did you mean" is the protocol's, as patterns are.

#include "rapidbyte/protocol/suggestion.h"

namespace rapidbyte::pipeline {

using protocol::closest;
using protocol::edit_distance;
using protocol::suggestion_text;

}  // namespace rapidbyte::pipeline
