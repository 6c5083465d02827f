import { join } from 'node:path';
import { runToEnd, tool } from '../../../support/tools.ts';
import type { Outcome, Outcomes } from '../outcomes.ts';
import type { Suite } from '../suite.ts';

const JEDIS = '7.5.0';
const LETTUCE = '7.5.0.RELEASE';
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
const SOURCES = join(import.meta.dirname, '../java');

const dependency = (group: string, artifact: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>keyway</groupId><artifactId>clients</artifactId><version>1</version><dependencies>
${dependency('redis.clients', 'jedis', JEDIS)}${dependency('io.lettuce', 'lettuce-core', LETTUCE)}
</dependencies></project>`;

/** @returns the folder with the clients, and with our classes that use them */
function prepare(): string {
  return tool(
    `redis-java-${JEDIS}-${LETTUCE}`,
    'made',
    `cat > pom.xml <<'END'
${POM}
END
     mvn -q -B ${COPY} -DoutputDirectory=jars
     touch made`,
  );
}

function outcomesOf(printed: string): Outcomes {
  const lines = printed.split('\n').map((line) => line.split('\t'));
  return new Map(
    lines.flatMap(
      ([result, name = '', message = '']): Array<[string, Outcome]> =>
        result === 'passed' || result === 'failed' ? [[name, { result, message }]] : [],
    ),
  );
}

async function run(program: string, mode: string, port: number): Promise<Outcomes> {
  const folder = prepare();
  const jars = join(folder, 'jars/*');
  const classes = join(folder, 'classes');
  const compiled = await runToEnd('sh', ['-c', `javac -nowarn -d '${classes}' -cp '${jars}' '${SOURCES}'/*.java`]);
  const printed = await runToEnd('java', ['-cp', `${jars}:${classes}`, program, String(port), mode]);
  const outcomes = outcomesOf(printed);
  if (outcomes.size === 0) throw new Error(`${program} has printed nothing of its steps: ${compiled}${printed}`);
  return outcomes;
}

const suitesOf = (client: string, program: string): Suite[] =>
  (['server', 'cluster'] as const).map((mode) => ({
    name: mode === 'server' ? client : `${client}, cluster`,
    matchups:
      mode === 'server'
        ? [{ direct: 'a server', through: ['hidden, 1 server', 'hidden, 3 servers', 'hidden, a cluster'] }]
        : [{ direct: 'a cluster', through: ['direct, a cluster', 'routers, a cluster'] }],
    needs: ['jdk', 'maven'],
    prepare: async () => {
      prepare();
    },
    run: ({ port }) => run(program, mode, port),
  }));

export const javaClients: readonly Suite[] = [
  ...suitesOf(`Jedis ${JEDIS}`, 'JedisSteps'),
  ...suitesOf(`Lettuce ${LETTUCE}`, 'LettuceSteps'),
];
