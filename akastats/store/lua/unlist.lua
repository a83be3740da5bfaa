-- unlist: takes runs out of those that lists do not tell of yet, unless one has changed since it was read.
--
-- KEYS  UNLISTED (a sorted set)
-- ARGV  per run: its id, the score that the caller has read
-- Returns how many were taken out.

local taken = 0
for position = 1, #ARGV, 2 do
  local score = redis.call("ZSCORE", KEYS[1], ARGV[position])
  if score and tonumber(score) == tonumber(ARGV[position + 1]) then
    taken = taken + redis.call("ZREM", KEYS[1], ARGV[position])
  end
end
return taken
