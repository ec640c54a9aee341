// SPDX-License-Identifier: GPL-2.0-or-later
// Typed lint, and the import layers: a folder of src imports only folders of a lower rank.
import tseslint from 'typescript-eslint';

/** Rank of each folder of src (ARCHITECTURE.md explains them). */
const RANKS = {
  base: 0,
  bytes: 1,
  ed2k: 2,
  dataset: 3,
  native: 3,
  ec: 3,
  store: 4,
  core: 4,
  peers: 4,
  replication: 5,
  control: 6,
  cli: 7,
};

const layers = Object.entries(RANKS).map(([folder, rank]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: Object.entries(RANKS)
          .filter(([other, otherRank]) => other !== folder && otherRank >= rank)
          .map(([other]) => ({
            group: [`**/${other}/*`],
            message: `src/${folder} (rank ${rank}) may not import src/${other}.`,
          })),
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'native/', '.cache/'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.js', 'scripts/*.mjs'] } },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
      // winston's transports extend a class that its declarations do not show.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70, skipComments: true, skipBlankLines: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  ...layers,
  { files: ['test/**/*.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ['**/*.js', '**/*.mjs', 'scripts/**/*.ts'],
    rules: {
      ...tseslint.configs.disableTypeChecked.rules,
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      'no-console': 'off',
    },
  },
);
