/** Numbers over a window of points. Pure. */

/** Return the value below which `share` of `sorted` lies, between neighbours in proportion. */
export function quantile(sorted, share) {
  if (!sorted.length) return null;
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const next = sorted[Math.min(low + 1, sorted.length - 1)];
  return sorted[low] + (next - sorted[low]) * (place - low);
}

/** Return for each value the median and quartiles of it and those before it, `size` in all; nulls count for nothing. */
export function running(values, size) {
  return values.map((_, at) => {
    const window = values.slice(Math.max(0, at - size + 1), at + 1).filter((value) => value !== null);
    window.sort((one, other) => one - other);
    return { low: quantile(window, 0.25), median: quantile(window, 0.5), high: quantile(window, 0.75) };
  });
}
