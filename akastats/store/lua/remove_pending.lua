-- remove_pending: removes runs from those whose index update is pending, unless they were reported again.
--
-- KEYS  UNLISTED (a sorted set)
-- ARGV  per run: its id, the score that the caller read
-- Returns the number of removed runs.

local removed = 0
for position = 1, #ARGV, 2 do
  local score = redis.call("ZSCORE", KEYS[1], ARGV[position])
  if score and tonumber(score) == tonumber(ARGV[position + 1]) then
    removed = removed + redis.call("ZREM", KEYS[1], ARGV[position])
  end
end
return removed
