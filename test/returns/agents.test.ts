import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agents, judgeVisitor, parseAgents } from '../../src/returns/agents.ts';

const visit = (userAgent: string | null, more: object = {}) =>
  judgeVisitor({ method: 'GET', userAgent, purpose: null, ...more }, agents());

describe('who looks at mail', () => {
  for (const { name, is, examples } of agents()) {
    test(`is told by the rule ${name}, and by no earlier one, in each of its examples`, () => {
      assert.ok(examples.length > 0);
      for (const example of examples)
        assert.deepEqual(visit(example), { isMachine: is === 'machine', why: name }, example);
    });
  }

  test('is a person with an ordinary browser or mail program', () => {
    for (const agent of [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
      'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0',
      'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.17328; ms-office; MSOffice 16)'.replace(
        'ms-office; MSOffice 16',
        'Outlook',
      ),
    ]) {
      assert.deepEqual(visit(agent), { isMachine: false, why: null }, agent);
    }
  });

  test('is a machine where it only asks for the header, fetches ahead, or does not say who it is', () => {
    const browser = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
    assert.equal(visit(browser, { method: 'HEAD' }).why, 'head');
    assert.equal(visit(browser, { purpose: 'prefetch;prerender' }).why, 'prefetch');
    assert.equal(visit(null).why, 'no_user_agent');
    assert.equal(visit('  ').why, 'no_user_agent');
    assert.equal(visit(browser).isMachine, false);
  });

  test('is not asked of a table with a mistake in it', () => {
    for (const toml of [
      '',
      '[[agent]]\nname="x"',
      '[[agent]]\nname="x"\nis="machine"',
      '[[agent]]\nname="x"\nis="machine"\nany=[""]',
    ]) {
      assert.throws(() => parseAgents(toml), TypeError, toml);
    }
  });
});
