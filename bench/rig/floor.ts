/** The floor of accepts: bare Fastify that validates the same body against a schema and echoes it. */
import fastify from 'fastify';

const address = {
  anyOf: [{ type: 'string' }, { type: 'object', properties: { email: { type: 'string' }, name: { type: 'string' } } }],
};
const schema = {
  body: {
    type: 'object',
    required: ['to', 'subject'],
    additionalProperties: false,
    properties: {
      from: address,
      to: { anyOf: [address, { type: 'array', items: address }] },
      subject: { type: 'string', minLength: 1, maxLength: 998 },
      text: { type: 'string' },
      html: { type: 'string' },
      identity: { type: 'string' },
      tags: { type: 'array', items: { type: 'string' } },
    },
  },
};

const server = fastify({ logger: false });
server.post('/v1/messages', { schema }, async (request, reply) => reply.code(202).send(request.body));
await server.listen({ port: 0, host: '127.0.0.1' });
process.send!({ port: (server.server.address() as { port: number }).port });
