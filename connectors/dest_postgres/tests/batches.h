#pragma once
// The SDK's batches and types by their short names, for the tests of dest-postgres.

#include <gtest/gtest.h>

#include <vector>

#include "rapidbyte/sdk/arrow.h"
#include "rapidbyte/testing/batches.h"

namespace rapidbyte::dest_postgres {

using sdk::DataType;
using sdk::Json;
using sdk::Schema;
using sdk::Status;
using sdk::TypeId;
using sdk::testing::make_batch;
using sdk::testing::words_of;

}  // namespace rapidbyte::dest_postgres
