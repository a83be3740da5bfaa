-- store_error: replaces the record of one fingerprint, unless another client has replaced it in the meantime.
--
-- KEYS  ERROR::fingerprint (a hash), ERRORS, ERRORS_AT (sorted sets)
-- ARGV  fingerprint, revision (as the caller read it, empty for a new record), ttl (seconds),
--       last_seen (epoch seconds), alternating fields and values
-- Returns 1 if the record was replaced, 0 if its revision has changed.

local record, by_last_seen, changed = KEYS[1], KEYS[2], KEYS[3]
local fingerprint, revision, ttl, last_seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local stored_revision = redis.call("HGET", record, "revision") or ""
if stored_revision ~= revision then
  return 0
end

local seconds, microseconds = unpack(redis.call("TIME"))
local at = tonumber(seconds) + tonumber(microseconds) / 1e6
-- If the clock was set back, readers that saw a later time must still see this change.
local newest = redis.call("ZREVRANGE", changed, 0, 0, "WITHSCORES")[2]
at = newest and math.max(at, tonumber(newest) + 1e-6) or at

redis.call("HSET", record, "revision", (tonumber(stored_revision) or 0) + 1, unpack(ARGV, 5))
redis.call("EXPIRE", record, ttl)
redis.call("ZADD", by_last_seen, last_seen, fingerprint)
redis.call("ZADD", changed, string.format("%.17g", at), fingerprint)
redis.call("EXPIRE", by_last_seen, ttl)
redis.call("EXPIRE", changed, ttl)
return 1
