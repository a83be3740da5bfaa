-- quarantine: adds a test to the quarantine, and removes tests whose quarantine has ended.
--
-- KEYS  QUARANTINE (a hash)
-- ARGV  label, entry (JSON; `until` in epoch seconds), most (maximum number of entries), ttl (seconds)
-- Returns 1 if the test was added, 0 if there are already `most` others.

local entries = KEYS[1]
local label, entry, most, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now = tonumber(redis.call("TIME")[1])

local stored = redis.call("HGETALL", entries)
for position = 1, #stored, 2 do
  -- Keep an invalid entry: a later release may have written it.
  local is_read, content = pcall(cjson.decode, stored[position + 1])
  local ends = is_read and type(content) == "table" and tonumber(content["until"])
  if ends and ends <= now then
    redis.call("HDEL", entries, stored[position])
  end
end

if redis.call("HEXISTS", entries, label) == 0 and redis.call("HLEN", entries) >= most then
  return 0
end
redis.call("HSET", entries, label, entry)
redis.call("EXPIRE", entries, ttl)
return 1
