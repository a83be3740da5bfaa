-- quarantine: puts a test into quarantine, and takes those out whose time is over.
--
-- KEYS  QUARANTINE (a hash)
-- ARGV  label, entry (JSON; `until` in epoch seconds), most (how many entries there may be), ttl (seconds)
-- Returns 1 when it is in, 0 where `most` others are.

local entries = KEYS[1]
local label, entry, most, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now = tonumber(redis.call("TIME")[1])

local stored = redis.call("HGETALL", entries)
for position = 1, #stored, 2 do
  -- What cannot be read is a later release's, and stays.
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
