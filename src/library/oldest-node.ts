/** Imported first by what runs on the Nodes of `engines` in package.json: an older one fails here, and says what it needs. */
const OLDEST = { major: 20, minor: 19 };

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor))
  throw new Error(
    `keyway: this part of the library needs Node ${OLDEST.major}.${OLDEST.minor} or newer; this is ${process.version}`,
  );
