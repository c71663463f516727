// Lines of JSON, a text each: what X's own library makes of them, a line of JSON for each.
const twitter = require('twitter-text')
require('node:readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const text = JSON.parse(line)
    const found = { weight: twitter.parseTweet(text).weightedLength, links: twitter.extractUrls(text) }
    const called = { mentions: twitter.extractMentions(text), cashtags: twitter.extractCashtags(text) }
    console.log(JSON.stringify({ ...found, ...called }))
  })
