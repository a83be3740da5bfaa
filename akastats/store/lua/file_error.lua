-- file_error: replaces what is known of one fingerprint, if nobody has meanwhile.
--
-- KEYS  ERROR::fingerprint (a hash), ERRORS, ERRORS_AT (sorted sets)
-- ARGV  fingerprint, revision (that which the caller has read, empty for none), ttl (seconds), last_seen,
--       fields and values in turn
-- Returns 1 when replaced, 0 when another revision stands there.

local record, by_last_seen, changed = KEYS[1], KEYS[2], KEYS[3]
local fingerprint, revision, ttl, last_seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local stands = redis.call("HGET", record, "revision") or ""
if stands ~= revision then
  return 0
end

local seconds, microseconds = unpack(redis.call("TIME"))
local at = tonumber(seconds) + tonumber(microseconds) / 1e6
-- A clock that was set back must not hide a change from readers that saw a later time.
local newest = redis.call("ZREVRANGE", changed, 0, 0, "WITHSCORES")[2]
at = newest and math.max(at, tonumber(newest) + 1e-6) or at

redis.call("HSET", record, "revision", (tonumber(stands) or 0) + 1, unpack(ARGV, 5))
redis.call("EXPIRE", record, ttl)
redis.call("ZADD", by_last_seen, last_seen, fingerprint)
redis.call("ZADD", changed, string.format("%.17g", at), fingerprint)
redis.call("EXPIRE", by_last_seen, ttl)
redis.call("EXPIRE", changed, ttl)
return 1
