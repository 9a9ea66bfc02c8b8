// A collector that keeps what it is sent: each OTLP request as one file in a directory.
//   node collector.mjs DIRECTORY   prints its URL
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'

const directory = process.argv[2]
fs.mkdirSync(directory, { recursive: true })
let count = 0
const server = http.createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const file = path.join(directory, String((count += 1)))
    fs.writeFileSync(`${file}.tmp`, Buffer.concat(chunks))
    fs.renameSync(`${file}.tmp`, file)
    response.end()
  })
})
server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(path.join(directory, 'url'), `http://127.0.0.1:${server.address().port}`)
})
