// Bluesky's own server with a mock directory, on 127.0.0.1 only.
// ADVERTISED is the port in its documents, where a proxy stands; it listens on LISTEN.
const net = require('node:net')
const advertised = Number(process.env.ADVERTISED)
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...given) {
  const options = typeof given[0] === 'object' && given[0] ? given[0] : { port: given[0] }
  const port = options.port === advertised ? Number(process.env.LISTEN) : options.port
  return listen.call(this, { port, host: '127.0.0.1' }, given.find((each) => typeof each === 'function'))
}

const { TestPlc, TestPds } = require('@atproto/dev-env')

async function main() {
  const plc = await TestPlc.create({ port: Number(process.env.PLC) })
  const pds = await TestPds.create({
    port: advertised,
    didPlcUrl: plc.url,
    dataDirectory: process.env.DATA + '/data',
    blobstoreDiskLocation: process.env.DATA + '/blobs',
  })
  console.log('ready')
}

main()
