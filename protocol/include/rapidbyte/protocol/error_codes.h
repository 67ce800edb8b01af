#pragma once
// Every error code of the host, the SDK and the connectors of this repository, with what it means in one line. They are
// stable: people search for them, and scripts act on them. docs/error-codes.md says of each part what causes them and
// what helps; a test compares that page, this file and the sources. Connectors of others have codes of their own.

namespace rapidbyte::codes {

/// Several files could be the stream's.
inline constexpr const char* kAmbiguousFile = "AMBIGUOUS_FILE";
/// The server asks for a login method that is weak or not supported.
inline constexpr const char* kAuthMethodRefused = "AUTH_METHOD_REFUSED";
/// A connector made a batch larger than the limit.
inline constexpr const char* kBatchTooLarge = "BATCH_TOO_LARGE";
/// `--limit` and `--dry-run` cannot decode this batch.
inline constexpr const char* kBatchUnsupported = "BATCH_UNSUPPORTED";
/// The run was interrupted (Ctrl-C, SIGTERM, SIGHUP).
inline constexpr const char* kCancelled = "CANCELLED";
/// Of no value of the column's type can one of the other be made.
inline constexpr const char* kCastImpossible = "CAST_IMPOSSIBLE";
/// The source's catalog is invalid or too large.
inline constexpr const char* kCatalogInvalid = "CATALOG_INVALID";
/// The stage after or before this one has failed; its own error is the one to look at.
inline constexpr const char* kChannelSend = "CHANNEL_SEND";
/// The component is not the file that its manifest describes.
inline constexpr const char* kChecksumMismatch = "CHECKSUM_MISMATCH";
/// A row fails a rule, or more rows do than may.
inline constexpr const char* kCheckFailed = "CHECK_FAILED";
/// A rule is no condition over the columns of the stream.
inline constexpr const char* kCheckInvalid = "CHECK_INVALID";
/// A rule `unique` has seen more keys than its memory holds.
inline constexpr const char* kCheckTooManyKeys = "CHECK_TOO_MANY_KEYS";
/// Two streams would load the same rows, or `child_tables: exclude` leaves nothing.
inline constexpr const char* kChildTables = "CHILD_TABLES";
/// Two columns would have the same name.
inline constexpr const char* kColumnsCollide = "COLUMNS_COLLIDE";
/// A table or column that was just created is not there.
inline constexpr const char* kColumnLost = "COLUMN_LOST";
/// There is no such column.
inline constexpr const char* kColumnMissing = "COLUMN_MISSING";
/// `columns` names a column that the files do not have.
inline constexpr const char* kColumnNotFound = "COLUMN_NOT_FOUND";
/// The table has a NOT NULL column without a default that the source does not have.
inline constexpr const char* kColumnRequired = "COLUMN_REQUIRED";
/// DuckDB cannot hold a column of the input as it is.
inline constexpr const char* kColumnUnsupported = "COLUMN_UNSUPPORTED";
/// The connection broke during a commit, and nothing was committed.
inline constexpr const char* kCommitLost = "COMMIT_LOST";
/// The server rolled back instead of committing.
inline constexpr const char* kCommitRolledBack = "COMMIT_ROLLED_BACK";
/// The connection broke during a commit, and its outcome is unknown.
inline constexpr const char* kCommitUnknown = "COMMIT_UNKNOWN";
/// The file is not a connector, cannot be read, is too large, or changed while it was loaded.
inline constexpr const char* kComponentInvalid = "COMPONENT_INVALID";
/// The fields of a composite type differ from the source's.
inline constexpr const char* kCompositeChanged = "COMPOSITE_CHANGED";
/// The compressed data is damaged or ends too early.
inline constexpr const char* kCompressedDataCorrupt = "COMPRESSED_DATA_CORRUPT";
/// The compressed data is damaged or ends too early.
inline constexpr const char* kCompressedDataTruncated = "COMPRESSED_DATA_TRUNCATED";
/// A batch in a queue cannot be compressed or decompressed.
inline constexpr const char* kCompressionFailed = "COMPRESSION_FAILED";
/// The file's name says gzip or zstd, its first bytes do not.
inline constexpr const char* kCompressionMismatch = "COMPRESSION_MISMATCH";
/// The connection is gone (also SQLSTATE class 08).
inline constexpr const char* kConnectionLost = "CONNECTION_LOST";
/// No file for `use:`; the message lists where it was looked for.
inline constexpr const char* kConnectorNotFound = "CONNECTOR_NOT_FOUND";
/// `use:` is neither a reference nor the path of a `.wasm` file.
inline constexpr const char* kConnectorRefInvalid = "CONNECTOR_REF_INVALID";
/// The component has no connector of the name that the manifest gives it.
inline constexpr const char* kConnectorUnknown = "CONNECTOR_UNKNOWN";
/// `use:` asks for another version than the one installed.
inline constexpr const char* kConnectorVersionMismatch = "CONNECTOR_VERSION_MISMATCH";
/// The server did not answer within `connect_timeout_seconds`.
inline constexpr const char* kConnectTimeout = "CONNECT_TIMEOUT";
/// A row violates a constraint.
inline constexpr const char* kConstraintViolated = "CONSTRAINT_VIOLATED";
/// A COPY was used in the wrong place.
inline constexpr const char* kCopyInQuery = "COPY_IN_QUERY";
/// A COPY was used in the wrong place.
inline constexpr const char* kCopyOver = "COPY_OVER";
/// A COPY was used in the wrong place.
inline constexpr const char* kCopyRunning = "COPY_RUNNING";
/// The position was made for something else: another source, destination, cursor column or pipeline file. The
/// message names all streams concerned.
inline constexpr const char* kCursorChanged = "CURSOR_CHANGED";
/// An incremental stream has no `cursor_field`, or it is not a column.
inline constexpr const char* kCursorFieldMissing = "CURSOR_FIELD_MISSING";
/// Values of this column's type cannot be a cursor.
inline constexpr const char* kCursorType = "CURSOR_TYPE";
/// File or folder cannot be opened.
inline constexpr const char* kDatabaseCannotOpen = "DATABASE_CANNOT_OPEN";
/// The database is damaged.
inline constexpr const char* kDatabaseCorrupt = "DATABASE_CORRUPT";
/// The system refused a read or write.
inline constexpr const char* kDatabaseIo = "DATABASE_IO";
/// Another program holds the database's file.
inline constexpr const char* kDatabaseLocked = "DATABASE_LOCKED";
/// There is no such database.
inline constexpr const char* kDatabaseMissing = "DATABASE_MISSING";
/// The database's file cannot be opened, is not a plain file, has a second name or lies on a file system without
/// locks.
inline constexpr const char* kDatabaseOpen = "DATABASE_OPEN";
/// The folder is missing, or the path is a folder, a device or a symbolic link.
inline constexpr const char* kDatabasePath = "DATABASE_PATH";
/// File or folder cannot be written.
inline constexpr const char* kDatabaseReadOnly = "DATABASE_READ_ONLY";
/// The file was removed or replaced while the run had it open.
inline constexpr const char* kDatabaseReplaced = "DATABASE_REPLACED";
/// Another session locked the same things in another order.
inline constexpr const char* kDeadlock = "DEADLOCK";
/// A batch in a queue cannot be compressed or decompressed.
inline constexpr const char* kDecompressionFailed = "DECOMPRESSION_FAILED";
/// Other objects depend on this one.
inline constexpr const char* kDependentObjects = "DEPENDENT_OBJECTS";
/// The destination ended with success before it had taken all batches.
inline constexpr const char* kDestinationEndedEarly = "DESTINATION_ENDED_EARLY";
/// The server's disk is full.
inline constexpr const char* kDiskFull = "DISK_FULL";
/// The rejected records of this run have reached `dlq.max_bytes`.
inline constexpr const char* kDlqFull = "DLQ_FULL";
/// A rejected row is too large for the file of rejected records.
inline constexpr const char* kDlqRecordTooLarge = "DLQ_RECORD_TOO_LARGE";
/// The file of rejected records cannot be written.
inline constexpr const char* kDlqWriteFailed = "DLQ_WRITE_FAILED";
/// The host's name cannot be resolved.
inline constexpr const char* kDnsResolutionFailed = "DNS_RESOLUTION_FAILED";
/// Two columns of the stream have one name.
inline constexpr const char* kDuplicateColumn = "DUPLICATE_COLUMN";
/// A JSON record has a key twice.
inline constexpr const char* kDuplicateKey = "DUPLICATE_KEY";
/// A batch of zero bytes.
inline constexpr const char* kEmptyBatch = "EMPTY_BATCH";
/// The WebAssembly engine does not start on this machine.
inline constexpr const char* kEngine = "ENGINE";
/// An unexpected exception in the engine, or no memory.
inline constexpr const char* kEngineFailed = "ENGINE_FAILED";
/// A granted environment variable is not UTF-8.
inline constexpr const char* kEnvInvalid = "ENV_INVALID";
/// `permissions.env` names a variable that the manifest does not ask for.
inline constexpr const char* kEnvNotAsked = "ENV_NOT_ASKED";
/// The file of `--events` cannot be written, or another run is writing it.
inline constexpr const char* kEventsFile = "EVENTS_FILE";
/// The component does not match its protocol version.
inline constexpr const char* kExportMissing = "EXPORT_MISSING";
/// The file was changed while it was read.
inline constexpr const char* kFileChanged = "FILE_CHANGED";
/// A name in the folder is not UTF-8 and hides those after it.
inline constexpr const char* kFileNameInvalid = "FILE_NAME_INVALID";
/// There is no file for the stream.
inline constexpr const char* kFileNotFound = "FILE_NOT_FOUND";
/// The file cannot be opened.
inline constexpr const char* kFileOpenFailed = "FILE_OPEN_FAILED";
/// Reading the file failed.
inline constexpr const char* kFileReadFailed = "FILE_READ_FAILED";
/// A matching file cannot be read, for example a link out of the folder.
inline constexpr const char* kFileUnreadable = "FILE_UNREADABLE";
/// Writing a file, or its folder, failed.
inline constexpr const char* kFileWriteFailed = "FILE_WRITE_FAILED";
/// `permissions.read_write_preopens` names a folder that the manifest does not ask for.
inline constexpr const char* kFolderNotAsked = "FOLDER_NOT_ASKED";
/// The folder cannot be read, or not to its end.
inline constexpr const char* kFolderNotReadable = "FOLDER_NOT_READABLE";
/// Matching folders are nested too deep.
inline constexpr const char* kFolderTooDeep = "FOLDER_TOO_DEEP";
/// A path or a connector that was not prepared for this run.
inline constexpr const char* kForeignConnector = "FOREIGN_CONNECTOR";
/// The names do not say which format the files have, or say different ones.
inline constexpr const char* kFormatUnknown = "FORMAT_UNKNOWN";
/// A function or operator that the types need is missing.
inline constexpr const char* kFunctionMissing = "FUNCTION_MISSING";
/// The table computes this column itself.
inline constexpr const char* kGeneratedColumn = "GENERATED_COLUMN";
/// A path or a connector that was not prepared for this run.
inline constexpr const char* kGrantsMissing = "GRANTS_MISSING";
/// A granted path would give the connector access to something that it must not have; `run` shows it as
/// `PIPELINE_INVALID` with the line.
inline constexpr const char* kGrantRefused = "GRANT_REFUSED";
/// The connector called exit() instead of returning an error.
inline constexpr const char* kGuestExit = "GUEST_EXIT";
/// The connector made no progress for `resources.guest_timeout_seconds`.
inline constexpr const char* kGuestTimeout = "GUEST_TIMEOUT";
/// The connector crashed.
inline constexpr const char* kGuestTrap = "GUEST_TRAP";
/// The key of hmac-sha256 is missing, too short or too long.
inline constexpr const char* kHashKeyInvalid = "HASH_KEY_INVALID";
/// A host function failed in the host, perhaps for lack of memory.
inline constexpr const char* kHostException = "HOST_EXCEPTION";
/// The sandbox could not be set up.
inline constexpr const char* kHostLinker = "HOST_LINKER";
/// An index or trigger of the old table cannot be created on the new rows; the old table stays.
inline constexpr const char* kIndexLost = "INDEX_LOST";
/// The cursor is infinite in a row, and nothing comes after it.
inline constexpr const char* kInfiniteCursor = "INFINITE_CURSOR";
/// An earlier call of this instance crashed.
inline constexpr const char* kInstancePoisoned = "INSTANCE_POISONED";
/// A batch is not a valid Arrow IPC stream.
inline constexpr const char* kInvalidBatch = "INVALID_BATCH";
/// The host sent something that the SDK cannot read.
inline constexpr const char* kInvalidCheckpoint = "INVALID_CHECKPOINT";
/// A checkpoint of another role's kind.
inline constexpr const char* kInvalidCheckpointKind = "INVALID_CHECKPOINT_KIND";
/// A batch does not fit its columns.
inline constexpr const char* kInvalidColumn = "INVALID_COLUMN";
/// A column's name is empty, too long or contains a NUL byte.
inline constexpr const char* kInvalidColumnName = "INVALID_COLUMN_NAME";
/// The connector's config has mistakes, all of them listed.
inline constexpr const char* kInvalidConfig = "INVALID_CONFIG";
/// The host sent something that the SDK cannot read.
inline constexpr const char* kInvalidContext = "INVALID_CONTEXT";
/// The host sent something that the SDK cannot read.
inline constexpr const char* kInvalidCursor = "INVALID_CURSOR";
/// Text follows a closing quote in the first record.
inline constexpr const char* kInvalidHeader = "INVALID_HEADER";
/// A text that should be JSON is not, or is beyond the limits.
inline constexpr const char* kInvalidJson = "INVALID_JSON";
/// A line is not a JSON object that can be read.
inline constexpr const char* kInvalidJsonRecord = "INVALID_JSON_RECORD";
/// A partition that this connector did not make.
inline constexpr const char* kInvalidPartition = "INVALID_PARTITION";
/// A setting is not a valid path, or its folder cannot be opened for the connector.
inline constexpr const char* kInvalidPath = "INVALID_PATH";
/// Text follows a closing quote.
inline constexpr const char* kInvalidQuoting = "INVALID_QUOTING";
/// A full refresh cannot be resumed in the middle.
inline constexpr const char* kInvalidResume = "INVALID_RESUME";
/// A state call with an unknown scope, or a key or value that is too long.
inline constexpr const char* kInvalidScope = "INVALID_SCOPE";
/// A socket that was never opened, or is closed.
inline constexpr const char* kInvalidSocket = "INVALID_SOCKET";
/// The name cannot be read as a table's.
inline constexpr const char* kInvalidTableName = "INVALID_TABLE_NAME";
/// A text is not valid UTF-8.
inline constexpr const char* kInvalidUtf8 = "INVALID_UTF8";
/// A batch does not fit its columns.
inline constexpr const char* kIpcEncoding = "IPC_ENCODING";
/// JSON from outside that was refused; shown with the code of its purpose.
inline constexpr const char* kJsonTooDeep = "JSON_TOO_DEEP";
/// JSON from outside that was refused; shown with the code of its purpose.
inline constexpr const char* kJsonTooLarge = "JSON_TOO_LARGE";
/// JSON from outside that was refused; shown with the code of its purpose.
inline constexpr const char* kJsonTooManyValues = "JSON_TOO_MANY_VALUES";
/// A state call with an unknown scope, or a key or value that is too long.
inline constexpr const char* kKeyTooLong = "KEY_TOO_LONG";
/// `lag` does not fit the cursor's type, or is shorter than a day of a date.
inline constexpr const char* kLagTooShort = "LAG_TOO_SHORT";
/// `lag` does not fit the cursor's type, or is shorter than a day of a date.
inline constexpr const char* kLagType = "LAG_TYPE";
/// The task or result of a lane is incomplete.
inline constexpr const char* kLaneInvalid = "LANE_INVALID";
/// The run no longer holds the pipeline: another run took its lease (the lock file was deleted, or the file system
/// lost the lock), or the state's file was moved, replaced, restored or deleted. The run has stopped and saved no
/// further position; what the destination committed stays.
inline constexpr const char* kLeaseLost = "LEASE_LOST";
/// `run --limit` would cut or add to an existing table.
inline constexpr const char* kLimitRefused = "LIMIT_REFUSED";
/// `run --limit` on a stream whose load was interrupted, where the rows would get into that load: an append, or an
/// What dest-file keeps about its files is not as it was written.
inline constexpr const char* kListingDamaged = "LISTING_DAMAGED";
/// upsert that committed rows into a destination without receipts.
inline constexpr const char* kLoadInProgress = "LOAD_IN_PROGRESS";
/// The row counts of an earlier run of this load do not add up.
inline constexpr const char* kLoadMiscounted = "LOAD_MISCOUNTED";
/// A rule of the table rolled back the whole transaction.
inline constexpr const char* kLoadRolledBack = "LOAD_ROLLED_BACK";
/// The rows loaded by a `replace` are gone or have changed; the old table is unchanged.
inline constexpr const char* kLoadUnknown = "LOAD_UNKNOWN";
/// A `replace` waited too long for other sessions that use the table.
inline constexpr const char* kLocked = "LOCKED";
/// The user does not exist, may not log in, or pg_hba.conf rejects it.
inline constexpr const char* kLoginRefused = "LOGIN_REFUSED";
/// A file under `tables` cannot be read.
inline constexpr const char* kLookupUnreadable = "LOOKUP_UNREADABLE";
/// The manifest cannot be read or used.
inline constexpr const char* kManifestInvalid = "MANIFEST_INVALID";
/// The connector has no manifest.
inline constexpr const char* kManifestMissing = "MANIFEST_MISSING";
/// The connector needed more than `resources.max_memory`.
inline constexpr const char* kMemoryLimit = "MEMORY_LIMIT";
/// A statement or value is larger than 2 GiB.
inline constexpr const char* kMessageTooLarge = "MESSAGE_TOO_LARGE";
/// A metric with too many labels, or a name or label that is too long.
inline constexpr const char* kMetricTooLarge = "METRIC_TOO_LARGE";
/// The name of the table or of a column cannot be used.
inline constexpr const char* kNameRefused = "NAME_REFUSED";
/// The manifest does not allow this host, or its address is link-local, multicast or a cloud's metadata service.
inline constexpr const char* kNetworkDenied = "NETWORK_DENIED";
/// Stream and table have different columns, and the policy is `fail`.
inline constexpr const char* kNewColumn = "NEW_COLUMN";
/// `state accept`: there is no such load, or not all of its rows are known to have reached the destination.
inline constexpr const char* kNothingToAccept = "NOTHING_TO_ACCEPT";
/// A COPY was used in the wrong place.
inline constexpr const char* kNotACopy = "NOT_A_COPY";
/// The file is not an SQLite database, or it is encrypted.
inline constexpr const char* kNotADatabase = "NOT_A_DATABASE";
/// A function was called before `open` or after `close`.
inline constexpr const char* kNotOpen = "NOT_OPEN";
/// An object is not ready for use.
inline constexpr const char* kNotReady = "NOT_READY";
/// The server does not support this.
inline constexpr const char* kNotSupported = "NOT_SUPPORTED";
/// None of the stream's columns is in the table.
inline constexpr const char* kNoColumns = "NO_COLUMNS";
/// A batch or a rejected record was emitted, or a batch asked for, in a call that is not part of a run.
inline constexpr const char* kNoDlq = "NO_DLQ";
/// No file matches the pattern.
inline constexpr const char* kNoFiles = "NO_FILES";
/// A batch or a rejected record was emitted, or a batch asked for, in a call that is not part of a run.
inline constexpr const char* kNoReceiver = "NO_RECEIVER";
/// A batch or a rejected record was emitted, or a batch asked for, in a call that is not part of a run.
inline constexpr const char* kNoSender = "NO_SENDER";
/// The source's catalog is empty.
inline constexpr const char* kNoStreams = "NO_STREAMS";
/// The table's column is NOT NULL, and the source may send nulls.
inline constexpr const char* kNullabilityChanged = "NULLABILITY_CHANGED";
/// Rows with a null cursor would never be read.
inline constexpr const char* kNullCursor = "NULL_CURSOR";
/// A row's tie-breaker is null.
inline constexpr const char* kNullTieBreaker = "NULL_TIE_BREAKER";
/// Another session uses the object.
inline constexpr const char* kObjectInUse = "OBJECT_IN_USE";
/// There is no such object, for example a type.
inline constexpr const char* kObjectMissing = "OBJECT_MISSING";
/// The machine has no memory for a batch.
inline constexpr const char* kOutOfMemory = "OUT_OF_MEMORY";
/// A value is beyond the range of its Arrow type.
inline constexpr const char* kOutOfRange = "OUT_OF_RANGE";
/// A checkpoint that is not a JSON object.
inline constexpr const char* kParseCheckpoint = "PARSE_CHECKPOINT";
/// A metric that does not follow the protocol.
inline constexpr const char* kParseMetric = "PARSE_METRIC";
/// The source's answer to plan-partitions is invalid.
inline constexpr const char* kPartitionsInvalid = "PARTITIONS_INVALID";
/// A partition of a split stream was not read.
inline constexpr const char* kPartitionNotRead = "PARTITION_NOT_READ";
/// The server asks for a password, and `password` is empty.
inline constexpr const char* kPasswordMissing = "PASSWORD_MISSING";
/// Wrong user or password.
inline constexpr const char* kPasswordRefused = "PASSWORD_REFUSED";
/// A file or folder that the connector needs does not exist or cannot be opened.
inline constexpr const char* kPathNotFound = "PATH_NOT_FOUND";
/// A path or a connector that was not prepared for this run.
inline constexpr const char* kPathRelative = "PATH_RELATIVE";
/// A name or pattern of a config fits no column or no stream.
inline constexpr const char* kPatternUnmatched = "PATTERN_UNMATCHED";
/// The user lacks a privilege.
inline constexpr const char* kPermissionDenied = "PERMISSION_DENIED";
/// The pipeline file has mistakes, listed with line and column.
inline constexpr const char* kPipelineInvalid = "PIPELINE_INVALID";
/// Another run holds the pipeline.
inline constexpr const char* kPipelineLocked = "PIPELINE_LOCKED";
/// The position in the state or in the destination's receipt cannot be read.
inline constexpr const char* kPositionInvalid = "POSITION_INVALID";
/// The table has this pipeline's rows, but the state has no position after them.
inline constexpr const char* kPositionMissing = "POSITION_MISSING";
/// `upsert` without a primary key, or the key names a column that is not there.
inline constexpr const char* kPrimaryKeyMissing = "PRIMARY_KEY_MISSING";
/// The other end does not speak PostgreSQL's protocol.
inline constexpr const char* kProtocol = "PROTOCOL";
/// The connector was built for another major version of the protocol.
inline constexpr const char* kProtocolMismatch = "PROTOCOL_MISMATCH";
/// Another session, or a timeout, cancelled the statement.
inline constexpr const char* kQueryCanceled = "QUERY_CANCELED";
/// A statement beyond the client's limits.
inline constexpr const char* kQueueFull = "QUEUE_FULL";
/// A record has too few or too many fields.
inline constexpr const char* kRaggedRecord = "RAGGED_RECORD";
/// A function or trigger of the database rejects a row.
inline constexpr const char* kRaised = "RAISED";
/// The system has no random bytes.
inline constexpr const char* kRandomFailed = "RANDOM_FAILED";
/// The server is a standby, or sessions are read-only.
inline constexpr const char* kReadOnly = "READ_ONLY";
/// Another user may control the table of receipts.
inline constexpr const char* kReceiptsForeign = "RECEIPTS_FOREIGN";
/// Another run of the pipeline committed rows of this stream in the meantime.
inline constexpr const char* kReceiptChanged = "RECEIPT_CHANGED";
/// The destination's receipt belongs to another load.
inline constexpr const char* kReceiptForeign = "RECEIPT_FOREIGN";
/// The destination has no receipt of an interrupted append.
inline constexpr const char* kReceiptMissing = "RECEIPT_MISSING";
/// A row is larger than `resources.max_record_bytes`.
inline constexpr const char* kRecordTooLarge = "RECORD_TOO_LARGE";
/// The destination's answer about references between streams is invalid.
inline constexpr const char* kReferencesInvalid = "REFERENCES_INVALID";
/// Stream and table have different columns, and the policy is `fail`.
inline constexpr const char* kRemovedColumn = "REMOVED_COLUMN";
/// Foreign keys of other tables point to the table.
inline constexpr const char* kReplaceReferenced = "REPLACE_REFERENCED";
/// A statement beyond the client's limits.
inline constexpr const char* kResultTooLarge = "RESULT_TOO_LARGE";
/// An append was interrupted, and the source cannot resume in the middle.
inline constexpr const char* kResumeNotSupported = "RESUME_NOT_SUPPORTED";
/// The rows loaded by a `replace` are gone or have changed; the old table is unchanged.
inline constexpr const char* kRowsLost = "ROWS_LOST";
/// An append was interrupted, and the destination keeps no receipts.
inline constexpr const char* kRowsMayDouble = "ROWS_MAY_DOUBLE";
/// A connector's row count differs from the host's; rows may be missing.
inline constexpr const char* kRowCountMismatch = "ROW_COUNT_MISMATCH";
/// A trigger or rule dropped rows without an error.
inline constexpr const char* kRowDiscarded = "ROW_DISCARDED";
/// The table does not accept a row.
inline constexpr const char* kRowRefused = "ROW_REFUSED";
/// The table was altered after the run had read its definition.
inline constexpr const char* kSchemaChanged = "SCHEMA_CHANGED";
/// There is no such schema.
inline constexpr const char* kSchemaMissing = "SCHEMA_MISSING";
/// The SCRAM login failed, or the server did not prove that it knows the password.
inline constexpr const char* kScramFailed = "SCRAM_FAILED";
/// Concurrent work on the same rows.
inline constexpr const char* kSerializationFailure = "SERIALIZATION_FAILURE";
/// The server closed the connection.
inline constexpr const char* kServerClosed = "SERVER_CLOSED";
/// A process of the server crashed.
inline constexpr const char* kServerCrashed = "SERVER_CRASHED";
/// See the message and its SQLSTATE.
inline constexpr const char* kServerError = "SERVER_ERROR";
/// The server's disk or files failed.
inline constexpr const char* kServerIoError = "SERVER_IO_ERROR";
/// A limit of PostgreSQL itself is exceeded.
inline constexpr const char* kServerLimit = "SERVER_LIMIT";
/// The server is starting, recovering or stopping.
inline constexpr const char* kServerNotReady = "SERVER_NOT_READY";
/// The server lacks memory or another resource.
inline constexpr const char* kServerOutOfMemory = "SERVER_OUT_OF_MEMORY";
/// The server lacks memory or another resource.
inline constexpr const char* kServerOutOfResources = "SERVER_OUT_OF_RESOURCES";
/// An administrator or an idle timeout ended the session.
inline constexpr const char* kSessionEnded = "SESSION_ENDED";
/// Signals cannot be watched; logged as a warning without the code; the run continues.
inline constexpr const char* kSignalWatcher = "SIGNAL_WATCHER";
/// A connection was used after it was closed.
inline constexpr const char* kSocketClosed = "SOCKET_CLOSED";
/// The server ended the connection in the middle of an answer.
inline constexpr const char* kSocketEof = "SOCKET_EOF";
/// The connector has reached its limit of open connections.
inline constexpr const char* kSocketLimit = "SOCKET_LIMIT";
/// The connection broke.
inline constexpr const char* kSocketReadFailed = "SOCKET_READ_FAILED";
/// The server was silent for too long.
inline constexpr const char* kSocketTimeout = "SOCKET_TIMEOUT";
/// The connection broke.
inline constexpr const char* kSocketWriteFailed = "SOCKET_WRITE_FAILED";
/// Files that an interrupted load had read have changed.
inline constexpr const char* kSourceChanged = "SOURCE_CHANGED";
/// NaN, or infinity in a date or number, which the destination's type does not have.
inline constexpr const char* kSpecialValue = "SPECIAL_VALUE";
/// Any other error of SQLite.
inline constexpr const char* kSqliteError = "SQLITE_ERROR";
/// DuckDB itself failed; a bug of it or of the connector.
inline constexpr const char* kSqlEngineFailed = "SQL_ENGINE_FAILED";
/// An expression cannot take the values of a row.
inline constexpr const char* kSqlFailed = "SQL_FAILED";
/// The query is no SELECT that DuckDB accepts over these columns.
inline constexpr const char* kSqlInvalid = "SQL_INVALID";
/// The query needs all rows of the stream at once, which was not allowed.
inline constexpr const char* kSqlNeedsAllRows = "SQL_NEEDS_ALL_ROWS";
/// A query needs more memory than there is for it.
inline constexpr const char* kSqlOutOfMemory = "SQL_OUT_OF_MEMORY";
/// The server does not accept a statement, or the statement contains a zero byte.
inline constexpr const char* kSqlRefused = "SQL_REFUSED";
/// The connector's calls went deeper than its stack.
inline constexpr const char* kStackOverflow = "STACK_OVERFLOW";
/// An unexpected exception in the engine, or no memory.
inline constexpr const char* kStageFailed = "STAGE_FAILED";
/// The rows loaded by a `replace` are gone or have changed; the old table is unchanged.
inline constexpr const char* kStagingChanged = "STAGING_CHANGED";
/// An object of another user has the staging table's name.
inline constexpr const char* kStagingForeign = "STAGING_FOREIGN";
/// The rows loaded by a `replace` are gone or have changed; the old table is unchanged.
inline constexpr const char* kStagingLost = "STAGING_LOST";
/// The state's file cannot be read or written, is damaged, locked, full or of a newer version.
inline constexpr const char* kStateBackend = "STATE_BACKEND";
/// A connector keeps too much in the state.
inline constexpr const char* kStateQuota = "STATE_QUOTA";
/// A table or column that was just created is not there.
inline constexpr const char* kTableLost = "TABLE_LOST";
/// There is no such table; the message has those with a similar name.
inline constexpr const char* kTableMissing = "TABLE_MISSING";
/// Another run is loading the table.
inline constexpr const char* kTargetBusy = "TARGET_BUSY";
/// The table's columns changed during a `replace`.
inline constexpr const char* kTargetChanged = "TARGET_CHANGED";
/// Two streams would be loaded into one table.
inline constexpr const char* kTargetConflict = "TARGET_CONFLICT";
/// The table of an incremental stream is gone or empty.
inline constexpr const char* kTargetEmptied = "TARGET_EMPTIED";
/// An object that is not a table has the target's name.
inline constexpr const char* kTargetNotATable = "TARGET_NOT_A_TABLE";
/// No address of the host accepts a connection.
inline constexpr const char* kTcpConnectFailed = "TCP_CONNECT_FAILED";
/// The system cannot start another thread.
inline constexpr const char* kThreadStartFailed = "THREAD_START_FAILED";
/// Rows with equal cursor values cannot be told apart.
inline constexpr const char* kTieBreakerMissing = "TIE_BREAKER_MISSING";
/// Too many rows share the newest cursor value.
inline constexpr const char* kTieGroupTooLarge = "TIE_GROUP_TOO_LARGE";
/// The certificate was refused, the CA or the server's name cannot be used, or the handshake failed.
inline constexpr const char* kTlsFailed = "TLS_FAILED";
/// The manifest forbids TLS.
inline constexpr const char* kTlsForbidden = "TLS_FORBIDDEN";
/// The server has no TLS.
inline constexpr const char* kTlsRefused = "TLS_REFUSED";
/// The manifest requires TLS, and the connection is in plain text.
inline constexpr const char* kTlsRequired = "TLS_REQUIRED";
/// More columns than a PostgreSQL table can have.
inline constexpr const char* kTooManyColumns = "TOO_MANY_COLUMNS";
/// Server, database or role has no connection left.
inline constexpr const char* kTooManyConnections = "TOO_MANY_CONNECTIONS";
/// A statement beyond the client's limits.
inline constexpr const char* kTooManyParameters = "TOO_MANY_PARAMETERS";
/// A statement after the failure of its transaction (SQLSTATE 25P02).
inline constexpr const char* kTransactionFailed = "TRANSACTION_FAILED";
/// Concurrent work on the same rows.
inline constexpr const char* kTransactionRolledBack = "TRANSACTION_ROLLED_BACK";
/// The transform ended with success before it had taken all batches.
inline constexpr const char* kTransformEndedEarly = "TRANSFORM_ENDED_EARLY";
/// A transform does not say what it makes of a stream, or something that cannot be.
inline constexpr const char* kTransformPlanInvalid = "TRANSFORM_PLAN_INVALID";
/// The table's column has another type.
inline constexpr const char* kTypeChanged = "TYPE_CHANGED";
/// The stream ended before the host's checkpoints covered all batches; the rest was not committed.
inline constexpr const char* kUncoveredBatches = "UNCOVERED_BATCHES";
/// The server sent a value that does not match its column.
inline constexpr const char* kUnexpectedData = "UNEXPECTED_DATA";
/// An option names a column that the table does not have.
inline constexpr const char* kUnknownColumn = "UNKNOWN_COLUMN";
/// A JSON record has a key that is not a column.
inline constexpr const char* kUnknownKey = "UNKNOWN_KEY";
/// The source, the pipeline or the state has no such stream, or nothing matches the pattern.
inline constexpr const char* kUnknownStream = "UNKNOWN_STREAM";
/// A column has a type that connectors do not exchange.
inline constexpr const char* kUnknownType = "UNKNOWN_TYPE";
/// The cache of compiled connectors is not used; a warning without the code; the run continues; see environment.
inline constexpr const char* kUnsafeFolder = "UNSAFE_FOLDER";
/// The file is UTF-16 or UTF-32.
inline constexpr const char* kUnsupportedEncoding = "UNSUPPORTED_ENCODING";
/// A column's Arrow type is not supported, for example a dictionary.
inline constexpr const char* kUnsupportedSchema = "UNSUPPORTED_SCHEMA";
/// The server is older than PostgreSQL 10.
inline constexpr const char* kUnsupportedServer = "UNSUPPORTED_SERVER";
/// The source does not have this `sync_mode` for the stream.
inline constexpr const char* kUnsupportedSyncMode = "UNSUPPORTED_SYNC_MODE";
/// The destination does not have this `write_mode`, or `replace` is used with an incremental stream.
inline constexpr const char* kUnsupportedWriteMode = "UNSUPPORTED_WRITE_MODE";
/// The file ends within quotes.
inline constexpr const char* kUnterminatedQuote = "UNTERMINATED_QUOTE";
/// The table has no unique key over exactly these columns.
inline constexpr const char* kUpsertKeyNotUnique = "UPSERT_KEY_NOT_UNIQUE";
/// The stage after or before this one has failed; its own error is the one to look at.
inline constexpr const char* kUpstreamFailed = "UPSTREAM_FAILED";
/// `check`: a connector reports that it cannot work.
inline constexpr const char* kValidationFailed = "VALIDATION_FAILED";
/// The server does not accept a value.
inline constexpr const char* kValueRefused = "VALUE_REFUSED";
/// A state call with an unknown scope, or a key or value that is too long.
inline constexpr const char* kValueTooLong = "VALUE_TOO_LONG";
/// The sandbox could not be set up.
inline constexpr const char* kWasi = "WASI";
/// The component does not match its protocol version.
inline constexpr const char* kWitShape = "WIT_SHAPE";
/// The cache of compiled connectors is not used; a warning without the code; the run continues; see environment.
inline constexpr const char* kWriteFailed = "WRITE_FAILED";
/// A connector is used in the wrong role, for example a source as the destination.
inline constexpr const char* kWrongRole = "WRONG_ROLE";
/// A value does not fit its column's type.
inline constexpr const char* kWrongType = "WRONG_TYPE";
/// A rejected value without a known reason.
inline constexpr const char* kWrongValue = "WRONG_VALUE";

}  // namespace rapidbyte::codes
