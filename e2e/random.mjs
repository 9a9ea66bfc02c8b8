/** Random whole numbers below a bound, the same ones for a seed (mulberry32). */
export function randomNumbers(seed) {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/** One of a list. */
export function pick(random, list) {
  return list[random(list.length)]
}
