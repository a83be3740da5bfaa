-- list: puts rows into a table and notes when each changed, so that a reader fetches what changed since.
--
-- KEYS  TESTS (a hash), TESTS_AT (a sorted set)
-- ARGV  ttl (seconds): how long a row lives after its last change,
--       per row: its name, the row
-- Returns the time of this change, which is later than that of any before. Forgets at most 100 outlived rows.

local rows, changed = KEYS[1], KEYS[2]
local ttl = tonumber(ARGV[1])

local seconds, microseconds = unpack(redis.call("TIME"))
local now = tonumber(seconds) + tonumber(microseconds) / 1e6
-- A clock that was set back must not hide a change from readers that saw a later time.
local newest = redis.call("ZREVRANGE", changed, 0, 0, "WITHSCORES")[2]
local at = newest and math.max(now, tonumber(newest) + 1e-6) or now

local stored, times = {}, {}
for position = 2, #ARGV, 2 do
  stored[#stored + 1], stored[#stored + 2] = ARGV[position], ARGV[position + 1]
  times[#times + 1], times[#times + 2] = string.format("%.17g", at), ARGV[position]
end
redis.call("HSET", rows, unpack(stored))
redis.call("ZADD", changed, unpack(times))

local outlived = redis.call("ZRANGEBYSCORE", changed, "-inf", string.format("%.17g", now - ttl), "LIMIT", 0, 100)
if #outlived > 0 then
  redis.call("HDEL", rows, unpack(outlived))
  redis.call("ZREM", changed, unpack(outlived))
end
redis.call("EXPIRE", rows, ttl)
redis.call("EXPIRE", changed, ttl)
return string.format("%.17g", at)
