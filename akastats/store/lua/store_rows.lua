-- store_rows: stores rows of tests with the time of their change, so that a reader can fetch only changed rows.
--
-- KEYS  TESTS (a hash), TESTS_AT (a sorted set)
-- ARGV  ttl (seconds): lifetime of a row after its last change,
--       per row: its name, the row
-- Returns the time of this change, which is later than that of any earlier one. Removes at most 100 expired rows.

local rows, changed = KEYS[1], KEYS[2]
local ttl = tonumber(ARGV[1])

local seconds, microseconds = unpack(redis.call("TIME"))
local now = tonumber(seconds) + tonumber(microseconds) / 1e6
-- If the clock was set back, readers that saw a later time must still see this change.
local newest = redis.call("ZREVRANGE", changed, 0, 0, "WITHSCORES")[2]
local at = newest and math.max(now, tonumber(newest) + 1e-6) or now

local stored, times = {}, {}
for position = 2, #ARGV, 2 do
  stored[#stored + 1], stored[#stored + 2] = ARGV[position], ARGV[position + 1]
  times[#times + 1], times[#times + 2] = string.format("%.17g", at), ARGV[position]
end
redis.call("HSET", rows, unpack(stored))
redis.call("ZADD", changed, unpack(times))

local expired = redis.call("ZRANGEBYSCORE", changed, "-inf", string.format("%.17g", now - ttl), "LIMIT", 0, 100)
if #expired > 0 then
  redis.call("HDEL", rows, unpack(expired))
  redis.call("ZREM", changed, unpack(expired))
end
redis.call("EXPIRE", rows, ttl)
redis.call("EXPIRE", changed, ttl)
return string.format("%.17g", at)
