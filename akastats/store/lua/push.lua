-- push: adds a batch of points to their labels' numbers and histories, with their contexts and whatever
-- else the batch changes. All of it or nothing: every check stands before the first write.
--
-- KEYS  INDEX, SEEN,
--       CURSOR                                    (only with a producer)
--       per label: COUNT AVG STDEV MIN MAX TOTAL TOTAL_SQ LAST_TIME LAST HISTORY
--       per context: CONTEXTS::id
--       RUN, and per further write: its key       (only with further writes)
-- ARGV  history_size, label_ttl (seconds),
--       cursor_from, cursor_to, cursor_ttl (seconds); cursor_from is empty without a producer,
--       doubt: empty, unless points may have been applied before, by a cursor that the server has lost; then by how
--           many seconds their times may differ from those of the first time,
--       name_at: where in a HISTORY key its label begins, counted in bytes from 1,
--       labels, per label: its points, oldest first, as lines of "timestamp;value;context_id"
--           (timestamp in epoch seconds),
--       contexts, per context: ttl (seconds), bytes,
--       writes, and if there are any: replaceable (the run's statuses that they may replace),
--           per write: command, number of arguments, arguments; times of a run that are ahead of this server are
--           moved back to it, and the score `+inf` is its time
-- Returns {1, cursor_to} when applied, {0, cursor} when the producer's cursor stands elsewhere.
-- Errors with BADTYPE when a key of ours holds another type, with TOOMANY when a batch is too large; then nothing
-- was written.

-- Half of a batch's time is this script itself, the other half its commands: so what is known of a label goes
-- into flat lists that all labels share, and no table is made for a label or a point.

local KEYS, ARGV = KEYS, ARGV
local call, try = redis.call, redis.pcall
local find, format, match, sub, sqrt = string.find, string.format, string.match, string.sub, math.sqrt
local tonumber, unpack = tonumber, unpack
local KEYS_OF_LABEL = 10
local CLOCK_SKEW = 300
-- unpack() fails from 8000 values on: here before anything is written, not in the middle of it.
local MOST_VALUES = 7000
local MOST_LABELS = MOST_VALUES / KEYS_OF_LABEL
local LARGEST = 1.7976931348623157e308

local next_key, next_argument = 0, 0
local function key()
  next_key = next_key + 1
  return KEYS[next_key]
end
local function argument()
  next_argument = next_argument + 1
  return ARGV[next_argument]
end
local function count()
  return tonumber(argument())
end

local index, seen = key(), key()
local history_size, label_ttl = count(), argument()
local cursor_from, cursor_to, cursor_ttl = argument(), argument(), argument()
local doubt = count()
local name_at = count()

local seconds, microseconds = unpack(call("TIME"))
local now = tonumber(seconds) + tonumber(microseconds) / 1e6

local function text(number)
  return format("%.17g", number)
end

-- The difference is nan for both infinities, and for nan.
local function is_finite(value)
  return value - value == 0
end

-- A sum or a mean that left the range of a double stays at its end.
local function bounded(value)
  return format("%.17g", is_finite(value) and value or value > 0 and LARGEST or -LARGEST)
end

-- Whatever another writer left that is no finite number counts as absent.
local function careful(stored)
  local value = stored and tonumber(stored)
  return value and is_finite(value) and value or nil
end

-- The same, but fails on text: `+ 0` reads a number once, tonumber() twice, at 2,200 instructions for 17 digits.
local function swift(stored)
  local value = stored and stored + 0
  return value and is_finite(value) and value or nil
end
local number = swift

local cursor
if cursor_from ~= "" then
  cursor = key()
  local stands = call("GET", cursor) or "0"
  if stands ~= cursor_from then
    return {0, stands}
  end
end

-- Reading, checking and reckoning: nothing is written before the line that says so.

local problem
local function must_hold(name, wanted)
  local kind = call("TYPE", name).ok
  if kind ~= wanted and kind ~= "none" then
    problem = "BADTYPE " .. name .. " holds a " .. kind .. " where a " .. wanted .. " belongs"
  end
end

-- MGET answers nothing for a key of another type as well as for an absent one: those it answers nothing for
-- are asked for once more, all labels' keys together, since one such call costs less than a TYPE a label.
local unread
local function mark_unread(first)
  for position = first, first + KEYS_OF_LABEL - 1 do
    unread[#unread + 1] = KEYS[position]
  end
end

local function check_unread()
  if #unread == 0 or call("EXISTS", unpack(unread)) == 0 then
    return
  end
  for position, name in ipairs(unread) do
    must_hold(name, position % KEYS_OF_LABEL == 0 and "list" or "string")
  end
end

-- The numbers to be written, names and values in turn, so many lists as it takes.
local gathered, numbers, size
local function set(first, count_text, avg, stdev, min, max, total, total_sq, last_time, last)
  if size >= MOST_VALUES - 2 * KEYS_OF_LABEL then
    numbers, size = {}, 0
    gathered[#gathered + 1] = numbers
  end
  local list, at = numbers, size
  list[at + 1], list[at + 2] = KEYS[first], count_text
  list[at + 3], list[at + 4] = KEYS[first + 1], avg
  list[at + 5], list[at + 6] = KEYS[first + 2], stdev
  list[at + 7], list[at + 8] = KEYS[first + 3], min
  list[at + 9], list[at + 10] = KEYS[first + 4], max
  list[at + 11], list[at + 12] = KEYS[first + 5], total
  list[at + 13], list[at + 14] = KEYS[first + 6], total_sq
  list[at + 15], list[at + 16] = KEYS[first + 7], last_time
  list[at + 17], list[at + 18] = KEYS[first + 8], last
  size = at + 18
end

-- One label's points, oldest first; these lists are used for one label after the other.
local entries, times, time_texts, values, value_texts = {}, {}, {}, {}, {}
local function read_points(lines)
  local points, at, last = 0, 1, #lines
  repeat
    local _, stop, time_text, value_text = find(lines, "^([^;]*);([^;]*);[^\n]*", at)
    local entry, time = sub(lines, at, stop), time_text + 0
    if time > now + CLOCK_SKEW then
      entry, time, time_text = text(now) .. sub(entry, #time_text + 1), now, text(now)
    end
    points = points + 1
    entries[points], times[points], time_texts[points] = entry, time, time_text
    values[points], value_texts[points] = value_text + 0, value_text
    at = stop + 2
  until at > last
  return points
end

-- Squares leave the range of a double beyond 1e154 and below 1e-154: there all is scaled by a power of two,
-- which loses nothing.
local function scale_of(largest)
  if largest > 1e150 then
    return 2 ^ -600
  end
  return largest > 0 and largest < 1e-130 and 2 ^ 600 or 1
end

-- Welford's update (Knuth, TAOCP 2, 4.2.2). M2 is rebuilt from the sample standard deviation, so that the
-- nine numbers are all that is stored; sums of squares give NaN for a thousand values of 1e6 +- 1e-3.
local function moments(points, known, avg, stdev, scale)
  local mean, m2 = 0, 0
  if known > 0 then
    mean, m2 = avg * scale, (stdev * scale) ^ 2 * (known - 1)
  end
  for point = 1, points do
    local value = values[point] * scale
    local distance = value - mean
    known = known + 1
    mean = mean + distance / known
    m2 = m2 + distance * (value - mean)
  end
  local deviation = m2 > 0 and bounded(sqrt(m2 / (known - 1)) / scale) or "0"
  return format("%d", known), known == 1 and value_texts[1] or bounded(mean / scale), deviation
end

-- Returns the four texts that follow from comparing and adding up, and the scale for the rest.
-- `stored` holds what is stored of all labels, in the order of their keys; `offset` is before this label's.
local function sums(points, known, stored, offset)
  local min_text, max_text, total_text = stored[offset + 4], stored[offset + 5], nil
  local min, max, total, total_sq
  if known > 0 then
    min, max = number(min_text), number(max_text)
    total, total_sq = number(stored[offset + 6]) or 0, number(stored[offset + 7]) or 0
  else
    total, total_sq = 0, 0
    total_text = points == 1 and value_texts[1]
  end
  for point = 1, points do
    local value = values[point]
    total, total_sq = total + value, total_sq + value * value
    if not min or value < min then
      min, min_text = value, value_texts[point]
    end
    if not max or value > max then
      max, max_text = value, value_texts[point]
    end
  end
  return scale_of(-min > max and -min or max), min_text, max_text, total_text or bounded(total), bounded(total_sq)
end

-- What goes on top of each history, in the order of the labels (`ends`: where a label's part ends); and what
-- arrived late: history, time and entry of one point after the other.
local fresh, ends, late, fresh_count
-- Returns the time and the value of the newest entry; LAST_TIME and LAST are those of the history's head.
local function place(points, history, newest, last_time, last)
  for point = 1, points do
    local time = times[point]
    if newest and time < newest then
      local at = #late
      late[at + 1], late[at + 2], late[at + 3] = history, time, entries[point]
    else
      fresh_count = fresh_count + 1
      fresh[fresh_count] = entries[point]
      newest, last_time, last = time, time_texts[point], value_texts[point]
    end
  end
  ends[#ends + 1] = fresh_count
  return last_time, last
end

local function time_of(entry)
  return tonumber(match(entry, "^[^;]*")) or 0
end

local function any_stored(stored, offset)
  for position = offset + 1, offset + KEYS_OF_LABEL - 1 do
    if stored[position] then
      return true
    end
  end
  return false
end

-- Takes those points out of a label's that its history holds already, and returns how many are left. A server that
-- evicts keys loses a cursor and keeps the labels: each label is its own evidence of what has been applied to it.
-- Where that is lost in part, points count as applied: a history that is full knows nothing of older points, and
-- numbers without a history know of none.
local function unapplied(history, points, stored, offset)
  local held = call("LRANGE", history, 0, -1)
  if #held == 0 then
    return any_stored(stored, offset) and 0 or points
  end
  -- Times by what follows them in an entry: value and context.
  local held_at = {}
  for _, entry in ipairs(held) do
    local rest = match(entry, ";.*") or ""
    local at = held_at[rest] or {}
    at[#at + 1] = time_of(entry)
    held_at[rest] = at
  end
  local function is_held(entry, time)
    -- What came ahead of this clock is stored under the time at which it came.
    local within = time == now and math.huge or doubt
    for _, at in ipairs(held_at[match(entry, ";.*") or ""] or {}) do
      if math.abs(at - time) <= within then
        return true
      end
    end
    return false
  end
  local oldest, left = #held >= history_size and time_of(held[#held]), 0
  for point = 1, points do
    local entry, time = entries[point], times[point]
    if not is_held(entry, time) and not (oldest and time < oldest) then
      left = left + 1
      entries[left], times[left], time_texts[left] = entry, time, time_texts[point]
      values[left], value_texts[left] = values[point], value_texts[point]
    end
  end
  return left
end

local function reckon(first, points, stored, offset)
  if doubt then
    points = unapplied(KEYS[first + 9], points, stored, offset)
    if points == 0 then
      ends[#ends + 1] = fresh_count
      return
    end
  end
  local avg, stdev, last_time, last = stored[offset + 2], stored[offset + 3], stored[offset + 8], stored[offset + 9]
  avg, stdev = number(avg), number(stdev) or 0
  local known = avg and number(stored[offset + 1]) or 0
  local newest = known > 0 and last and number(last_time) or nil
  local scale, min, max, total, total_sq = sums(points, known, stored, offset)
  local count_text, mean, deviation = moments(points, known, avg, stdev, scale)
  last_time, last = place(points, KEYS[first + 9], newest, last_time, last)
  set(first, count_text, mean, deviation, min, max, total, total_sq, last_time, last)
end

local function all_stored(stored, offset)
  for position = offset + 1, offset + KEYS_OF_LABEL - 1 do
    if not stored[position] then
      return false
    end
  end
  return true
end

local labels = count()
local first_label = next_key + 1
if labels > MOST_LABELS then
  error("TOOMANY labels in one batch: " .. labels .. ", at most " .. MOST_LABELS)
end

local function reckon_all(stored, first_argument)
  numbers, size, unread, fresh, ends, late, fresh_count = {}, 0, {}, {}, {}, {}, 0
  gathered = {numbers}
  next_argument = first_argument - 1
  for offset = 0, (labels - 1) * KEYS_OF_LABEL, KEYS_OF_LABEL do
    if not all_stored(stored, offset) then
      mark_unread(first_label + offset)
    end
    reckon(first_label + offset, read_points(argument()), stored, offset)
  end
end

if labels > 0 then
  local stored = call("MGET", unpack(KEYS, first_label, next_key + labels * KEYS_OF_LABEL))
  local first_argument = next_argument + 1
  if not pcall(reckon_all, stored, first_argument) then
    number = careful
    reckon_all(stored, first_argument)
  end
  next_key = next_key + labels * KEYS_OF_LABEL
  check_unread()
end

local function read_contexts()
  local contexts = {}
  for position = 1, count() do
    contexts[position] = {key = key(), ttl = count(), bytes = argument()}
  end
  return contexts
end

local KIND_OF = {HSET = "hash", ZADD = "zset", ZREM = "zset"}

local function is_ahead(time)
  return time and time > now + CLOCK_SKEW
end

-- A run that says it began ahead of this server's clock began when it was first reported: `shift` is the difference,
-- in seconds. Returns the fields of a run with their times moved by it.
local shift = 0
local function moved(run, fields)
  local positions = {}
  for position = 1, #fields, 2 do
    positions[fields[position]] = position + 1
  end
  local started, finished = positions.started, positions.finished
  local began = started and tonumber(fields[started])
  if is_ahead(began) then
    local known = careful(call("HGET", run, "started"))
    shift = (known and not is_ahead(known) and known or now) - began
    fields[started] = text(began + shift)
  end
  if finished and is_ahead(tonumber(fields[finished])) then
    fields[finished] = text(math.min(now, tonumber(fields[finished]) + shift))
  end
  return fields
end

-- The score of a member is a time of the run; `+inf` stands for this server's.
local function score_of(given)
  local score = tonumber(given)
  if score == math.huge then
    return text(now)
  end
  return is_ahead(score) and text(math.min(now, score + shift)) or given
end

local function read_write(run)
  local write = {key = key(), command = argument(), arguments = {}}
  local arguments = count()
  if arguments > MOST_VALUES then
    error("TOOMANY arguments of " .. write.command .. ": " .. arguments .. ", at most " .. MOST_VALUES)
  end
  for position = 1, arguments do
    write.arguments[position] = argument()
  end
  if KIND_OF[write.command] then
    must_hold(write.key, KIND_OF[write.command])
  end
  if write.command == "HSET" and write.key == run and not problem then
    write.arguments = moved(run, write.arguments)
  elseif write.command == "ZADD" then
    write.arguments[1] = score_of(write.arguments[1])
  end
  return write
end

must_hold(index, "zset")
must_hold(seen, "zset")
local contexts = read_contexts()
local writes = {}
local write_count = count()
local status, replaceable
if write_count > 0 then
  local run = key()
  must_hold(run, "hash")
  status = not problem and call("HGET", run, "status")
  replaceable = argument()
  for position = 1, write_count do
    writes[position] = read_write(run)
  end
end
-- Numbers are written together where the server knows how (Valkey 9.1, Redis 8.4): 900 of them take a third of
-- the time of 900 SETs.
local version = redis.VALKEY_VERSION_NUM or 0
local sets_together = version >= 0x090100 or (version == 0 and (redis.REDIS_VERSION_NUM or 0) >= 0x080400)

-- A command that was renamed away is an error to the check.
local function is_allowed(...)
  if not redis.acl_check_cmd then
    return true
  end
  local is_known, answer = pcall(redis.acl_check_cmd, ...)
  return is_known and answer
end

-- A user who may do a part of this would leave half of it behind. The keys have been checked with the script's call,
-- so each command is asked for once; before Redis 7 it cannot be.
local function must_be_allowed(...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(...) then
    problem = "NOPERM this user has no permission for the command " .. select(1, ...)
  end
end

if labels > 0 then
  local one, history = KEYS[first_label], KEYS[first_label + KEYS_OF_LABEL - 1]
  must_be_allowed("LPUSH", history, "")
  must_be_allowed("LPOP", history, "1")
  must_be_allowed("RPUSH", history, "")
  must_be_allowed("LINDEX", history, "-1")
  must_be_allowed("LRANGE", history, "0", "1")
  must_be_allowed("LTRIM", history, "0", "1")
  must_be_allowed("EXPIRE", history, "1")
  must_be_allowed("ZADD", index, "1", "")
  must_be_allowed("ZREM", index, "")
  must_be_allowed("ZRANGEBYSCORE", seen, "0", "1")
  -- Permissions that were granted before the server knew MSETEX do not include it.
  sets_together = sets_together and is_allowed("MSETEX", "1", one, "", "EX", "1")
  if not sets_together then
    must_be_allowed("SET", one, "")
  end
end
if contexts[1] then
  must_be_allowed("SET", contexts[1].key, "")
  must_be_allowed("TTL", contexts[1].key)
  must_be_allowed("EXPIRE", contexts[1].key, "1")
end
for _, write in ipairs(writes) do
  must_be_allowed(write.command, write.key, unpack(write.arguments))
end
if cursor then
  must_be_allowed("SET", cursor, "")
end
if problem then
  return redis.error_reply(problem)
end

-- Writing.

local function write_numbers(list)
  local last = #list
  if last > 0 and sets_together then
    list[last + 1], list[last + 2] = "EX", label_ttl
    call("MSETEX", last / 2, unpack(list))
  else
    for position = 1, last, 2 do
      call("SET", list[position], list[position + 1], "EX", label_ttl)
    end
  end
end

local function append(history, first, last)
  local length = 0
  for point = last, first, -3 do
    length = call("RPUSH", history, late[point + 2])
  end
  if length > history_size then
    call("LTRIM", history, 0, history_size - 1)
  end
end

-- Puts a label's late points, `late[first]` to `late[last]`, into its history: what is newer than the oldest of
-- them is read from the head in growing steps, taken off, and put back with them in between. Inserted one by
-- one, what two writers measured side by side, 10 labels and 1000 points of each, held the server for over 5 s.
-- Those that are older than all go to the end at once: leftover spools come newest run first.
local function merge(history, first, last)
  local tail = call("LINDEX", history, -1)
  if tail and time_of(tail) > late[last + 1] then
    append(history, first, last)
    return
  end
  local stored, stored_times, depth, step = {}, {}, 0, 8
  local oldest, is_found, read = late[first + 1], false, nil
  repeat
    read = call("LRANGE", history, depth, depth + step - 1)
    for _, entry in ipairs(read) do
      local time = time_of(entry)
      is_found = time <= oldest
      if is_found then
        break
      end
      depth = depth + 1
      stored[depth], stored_times[depth] = entry, time
    end
    local is_end = is_found or #read < step
    step = step * 4
  until is_end
  -- What would stand behind the last that is kept is not put there to be cut off again.
  while first <= last and depth >= history_size and late[first + 1] < stored_times[history_size] do
    first = first + 3
  end
  if first > last then
    return
  end
  while depth > 0 and stored_times[depth] <= late[first + 1] do
    depth = depth - 1
  end
  local merged, point = {}, last
  local place = depth + (last - first) / 3 + 1
  local total = place
  for position = 1, depth do
    while point >= first and stored_times[position] <= late[point + 1] do
      merged[place] = late[point + 2]
      place, point = place - 1, point - 3
    end
    merged[place] = stored[position]
    place = place - 1
  end
  while point >= first do
    merged[place] = late[point + 2]
    place, point = place - 1, point - 3
  end
  call("LTRIM", history, depth, -1)
  for start = 1, total, MOST_VALUES do
    call("LPUSH", history, unpack(merged, start, math.min(total, start + MOST_VALUES - 1)))
  end
  call("LTRIM", history, 0, history_size - 1)
  call("EXPIRE", history, label_ttl)
end

local function write_late()
  local first = 1
  while late[first] do
    local last = first
    while late[last + 3] == late[first] do
      last = last + 3
    end
    merge(late[first], first, last)
    first = last + 3
  end
end

local function history_of(position)
  return KEYS[first_label + position * KEYS_OF_LABEL - 1]
end

-- Returns a history's length, or the server's error.
local function push(history, from, to)
  local length = 0
  for start = from, to, MOST_VALUES do
    length = try("LPUSH", history, unpack(fresh, start, math.min(to, start + MOST_VALUES - 1)))
  end
  return length
end

local function take_back(last)
  local from = 0
  for position = 1, last do
    local pushed = ends[position] - from
    from = ends[position]
    if pushed > 0 then
      call("LPOP", history_of(position), pushed)
    end
  end
end

-- Asking each history for its type beforehand would be a twentieth of all: one of another type shows when it is
-- pushed to, and then what was pushed to those before it is taken back. Returns their lengths, or nothing and the
-- error.
local function push_all()
  local lengths, from = {}, 1
  for position = 1, labels do
    local length = push(history_of(position), from, ends[position])
    if type(length) == "table" or ends[position] < from then
      must_hold(history_of(position), "list")
    end
    if type(length) == "table" or problem then
      take_back(position - 1)
      return nil, problem and redis.error_reply(problem) or length
    end
    lengths[position] = length
    from = ends[position] + 1
  end
  return lengths
end

-- At most 100 forgotten labels a call: enough to keep up, too few to be felt.
local function prune()
  local unseen = call("ZRANGEBYSCORE", seen, "-inf", text(now - tonumber(label_ttl)), "LIMIT", 0, 100)
  if #unseen > 0 then
    call("ZREM", index, unpack(unseen))
    call("ZREM", seen, unpack(unseen))
  end
end

local function write_labels(lengths)
  for _, list in ipairs(gathered) do
    write_numbers(list)
  end
  local listed, reported, now_text = {}, {}, text(now)
  for position = 1, labels do
    local history = history_of(position)
    if lengths[position] > history_size then
      call("LTRIM", history, 0, history_size - 1)
    end
    call("EXPIRE", history, label_ttl)
    local name = sub(history, name_at)
    listed[position * 2 - 1], listed[position * 2] = "1", name
    reported[position * 2 - 1], reported[position * 2] = now_text, name
  end
  write_late()
  call("ZADD", index, unpack(listed))
  call("ZADD", seen, unpack(reported))
  prune()
  -- No label of theirs lives longer.
  call("EXPIRE", index, label_ttl)
  call("EXPIRE", seen, label_ttl)
end

if labels > 0 then
  local lengths, refusal = push_all()
  if not lengths then
    return refusal
  end
  write_labels(lengths)
end

-- A context's life is only extended; EXPIRE's own GT would need Redis 7.
for _, context in ipairs(contexts) do
  if not call("SET", context.key, context.bytes, "NX", "EX", context.ttl) then
    local left = call("TTL", context.key)
    if left >= 0 and left < context.ttl then
      call("EXPIRE", context.key, context.ttl)
    end
  end
end

-- A final status replaces "crashed", never the other way round.
if not status or string.find(replaceable, status, 1, true) then
  for _, write in ipairs(writes) do
    call(write.command, write.key, unpack(write.arguments))
  end
end

if cursor then
  call("SET", cursor, cursor_to, "EX", cursor_ttl)
end
return {1, cursor_to}
