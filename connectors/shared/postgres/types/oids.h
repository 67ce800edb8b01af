#pragma once
// Type OIDs of PostgreSQL's built-in types, as in its catalog file pg_type.dat. They are the same in every server;
// types of extensions, enums, domains and composites get theirs when they are created and are looked up by name.

#include <cstdint>

namespace rapidbyte::postgres {

using Oid = uint32_t;

inline constexpr Oid kOidUnspecified = 0;  // as a parameter's type: the server infers it
inline constexpr Oid kOidBool = 16;
inline constexpr Oid kOidBytea = 17;
inline constexpr Oid kOidChar = 18;  // "char", one byte
inline constexpr Oid kOidName = 19;
inline constexpr Oid kOidInt8 = 20;
inline constexpr Oid kOidInt2 = 21;
inline constexpr Oid kOidInt4 = 23;
inline constexpr Oid kOidText = 25;
inline constexpr Oid kOidOid = 26;
inline constexpr Oid kOidTid = 27;
inline constexpr Oid kOidJson = 114;
inline constexpr Oid kOidXml = 142;
inline constexpr Oid kOidCidr = 650;
inline constexpr Oid kOidFloat4 = 700;
inline constexpr Oid kOidFloat8 = 701;
inline constexpr Oid kOidUnknown = 705;
inline constexpr Oid kOidMacaddr8 = 774;
inline constexpr Oid kOidMoney = 790;
inline constexpr Oid kOidMacaddr = 829;
inline constexpr Oid kOidInet = 869;
inline constexpr Oid kOidBoolArray = 1000;
inline constexpr Oid kOidByteaArray = 1001;
inline constexpr Oid kOidInt2Array = 1005;
inline constexpr Oid kOidInt4Array = 1007;
inline constexpr Oid kOidTextArray = 1009;
inline constexpr Oid kOidInt8Array = 1016;
inline constexpr Oid kOidFloat4Array = 1021;
inline constexpr Oid kOidFloat8Array = 1022;
inline constexpr Oid kOidBpchar = 1042;
inline constexpr Oid kOidVarchar = 1043;
inline constexpr Oid kOidDate = 1082;
inline constexpr Oid kOidTime = 1083;
inline constexpr Oid kOidTimestamp = 1114;
inline constexpr Oid kOidTimestampArray = 1115;
inline constexpr Oid kOidDateArray = 1182;
inline constexpr Oid kOidTimeArray = 1183;
inline constexpr Oid kOidTimestamptz = 1184;
inline constexpr Oid kOidTimestamptzArray = 1185;
inline constexpr Oid kOidInterval = 1186;
inline constexpr Oid kOidNumericArray = 1231;
inline constexpr Oid kOidTimetz = 1266;
inline constexpr Oid kOidBit = 1560;
inline constexpr Oid kOidVarbit = 1562;
inline constexpr Oid kOidNumeric = 1700;
inline constexpr Oid kOidUuid = 2950;
inline constexpr Oid kOidUuidArray = 2951;
inline constexpr Oid kOidJsonb = 3802;
inline constexpr Oid kOidInt4Range = 3904;
inline constexpr Oid kOidNumRange = 3906;
inline constexpr Oid kOidTsRange = 3908;
inline constexpr Oid kOidTstzRange = 3910;
inline constexpr Oid kOidDateRange = 3912;
inline constexpr Oid kOidInt8Range = 3926;

}  // namespace rapidbyte::postgres
