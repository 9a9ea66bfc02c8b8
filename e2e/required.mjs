/** The value of an environment variable that the test cannot do without. */
export function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set; see e2e/README.md`)
  return value
}
