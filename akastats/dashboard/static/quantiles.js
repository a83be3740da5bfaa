/** Quantiles of a series. */

/** Return a quantile of `sorted`, interpolated linearly; null if `sorted` is empty. */
export function quantile(sorted, share) {
  if (!sorted.length) return null;
  const position = (sorted.length - 1) * share;
  const low = Math.floor(position);
  const next = sorted[Math.min(low + 1, sorted.length - 1)];
  return sorted[low] + (next - sorted[low]) * (position - low);
}

/** Return the quartiles over the last `size` values at each position, ignoring nulls. */
export function runningQuartiles(values, size) {
  return values.map((_, index) => {
    const window = values.slice(Math.max(0, index - size + 1), index + 1).filter((value) => value !== null);
    window.sort((a, b) => a - b);
    return { low: quantile(window, 0.25), median: quantile(window, 0.5), high: quantile(window, 0.75) };
  });
}
