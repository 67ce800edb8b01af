#pragma once
// Everything about Arrow data in one include: types and schemas, building batches, reading batches.

#include "rapidbyte/sdk/batch_builder.h"  // IWYU pragma: export
#include "rapidbyte/sdk/batch_reader.h"   // IWYU pragma: export
#include "rapidbyte/sdk/data_type.h"      // IWYU pragma: export
#include "rapidbyte/sdk/ipc_encoder.h"    // IWYU pragma: export
