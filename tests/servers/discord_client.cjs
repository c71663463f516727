// A second client (discord.js) on our stand-in for Discord: what that gets wrong, two libraries do not both overlook.
// It says on stdout what it hears, one JSON value a line, and answers what calls it.
const { Client, GatewayIntentBits, Partials, ActionRowBuilder, ButtonBuilder, ButtonStyle } = require('discord.js')

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.DirectMessages],
  partials: [Partials.Channel],
  rest: { api: process.env.SERVICE.replace(/\/v10$/, ''), version: '10' },
})
const tell = (what, about) => console.log(JSON.stringify({ what, ...about }))
const again = () => new ActionRowBuilder().addComponents(
  new ButtonBuilder().setCustomId('again').setLabel('again').setStyle(ButtonStyle.Secondary))

client.once('clientReady', async () => {
  const guild = client.guilds.cache.first()
  await client.application.commands.set([{ name: 'ask', description: 'Say something', options: [
    { name: 'message', description: 'what you say', type: 3, required: true }] }])
  tell('ready', { user: client.user.username, guild: guild.name, channels: guild.channels.cache.map((each) => each.name) })
})
client.on('shardResume', (_, replayed) => tell('resumed', { replayed }))
client.on('messageCreate', async (message) => {
  if (message.author.bot) return
  tell('message', { content: message.content, author: message.author.username, direct: message.guild === null })
  if (!message.mentions.has(client.user)) return
  await message.channel.sendTyping()
  const sent = await message.reply({ content: 'so be it', components: [again()], nonce: message.id, enforceNonce: true })
  const same = await message.reply({ content: 'said again', nonce: message.id, enforceNonce: true })
  const edited = await sent.edit('so be it, for ever')
  tell('replied', { same: same.id === sent.id, content: edited.content, to: edited.reference.messageId })
})
client.on('messageDelete', (message) => tell('deleted', { id: message.id }))
client.on('interactionCreate', async (interaction) => {
  if (interaction.isButton()) {
    await interaction.deferReply({ flags: 64 })
    await interaction.editReply('pressed ' + interaction.customId)
    return tell('pressed', { id: interaction.customId, under: interaction.message.id })
  }
  await interaction.deferReply()
  await interaction.editReply('you said ' + interaction.options.getString('message'))
  const more = await interaction.followUp({ content: 'and more', files: [{ attachment: Buffer.from('x'), name: 'x.txt' }] })
  tell('answered', { files: more.attachments.map((each) => each.name) })
})
process.on('SIGTERM', async () => { await client.destroy(); process.exit(0) })
client.login(process.env.TOKEN)
